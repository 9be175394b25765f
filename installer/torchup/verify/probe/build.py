"""Importing torch, and comparing the build with the plan."""

from __future__ import annotations

import contextlib
import re
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

from .bench import Bench, Wishes, load_torch
from .devices import gpu_is_expected
from .libraries import foreign_origin, loaded_libraries, shadowing_libraries
from .result import Result
from .sentences import say
from .symptoms import cause_of


def variant_of(torch: Any) -> str:
    """Name the build: cpu, cu126, rocm7.2, xpu."""
    label = str(torch.__version__).partition("+")[2]
    if re.fullmatch(r"cu\d+|cpu|xpu|rocm[\d.]+", label):
        return label
    version = torch.version
    if getattr(version, "hip", None):
        return "rocm" + ".".join(str(version.hip).split(".")[:2])
    if getattr(version, "cuda", None):
        return "cu" + "".join(str(version.cuda).split(".")[:2])
    if getattr(version, "xpu", None):
        return "xpu"
    return "cpu"


def same_variant(found: str, wanted: str) -> bool:
    """Compare build names; the wheels for macOS are one build under several names."""
    if sys.platform == "darwin" and wanted in ("mps", "macos", "cpu"):
        return found == "cpu"
    if wanted.startswith("rocm") and found.startswith("rocm"):
        return found.split(".")[:2] == wanted.split(".")[:2]
    return found == wanted


def check_import(wishes: Wishes) -> tuple[Result, Any]:
    """Import torch and say where it and its CUDA libraries came from."""
    del wishes
    start = time.perf_counter()
    try:
        torch = load_torch()
    except ModuleNotFoundError as error:
        if error.name == "torch":
            return Result(
                "fail", detail=say("torch is not installed for this Python"), hint="torch-not-installed"
            ), None
        detail = say("torch needs the module {module}, which is not installed", module=error.name)
        return Result("fail", detail=detail, hint="torch-incomplete"), None
    except Exception as error:  # noqa: BLE001 - whatever goes wrong at import is the finding
        text = f"{type(error).__name__}: {error}"
        return Result("fail", detail=text, hint=cause_of(text) or "torch-import-error"), None
    seconds = time.perf_counter() - start
    origin = getattr(torch, "__file__", None)
    if origin is None or not hasattr(torch, "version"):
        text = say(
            "a folder named torch without the package in it: {folders}",
            folders=str(list(getattr(torch, "__path__", []))),
        )
        return Result("fail", detail=text, hint="torch-partially-initialized"), None
    facts = {
        "torch": str(torch.__version__),
        "torch_file": origin,
        "variant": variant_of(torch),
        "cuda": getattr(torch.version, "cuda", None),
        "hip": getattr(torch.version, "hip", None),
        "xpu": getattr(torch.version, "xpu", None),
    }
    status, detail, hint = "pass", say("torch {version}", version=str(torch.__version__)), None
    came_by = foreign_origin(origin)
    shadows: dict[str, str] = {}
    with contextlib.suppress(OSError):
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
        facts["libraries"] = loaded_libraries(maps)
        folders = sorted({str(Path(origin).parent.parent), sysconfig.get_path("purelib")})
        shadows = shadowing_libraries(maps, folders)
    if came_by:
        status, hint = "warn", "python-path-shadows"
        detail = say("{what}, but from {place}: {file}", what=detail, place=came_by, file=origin)
    elif shadows:
        of_cudnn = all("cudnn" in name for name in shadows)
        status, hint = "warn", "cudnn-shadowed" if of_cudnn else "nvjitlink-shadowed"
        files = ", ".join(shadows.values())
        detail = say("{what}, but CUDA libraries from outside were loaded: {files}", what=detail, files=files)
        facts["shadowing_libraries"] = shadows
    return Result(status, round(seconds, 2), "s", None, detail, hint, {"environment": facts}), torch


def check_build(bench: Bench) -> Result:
    """Compare the build with the plan."""
    torch, wishes = bench.torch, bench.wishes
    found, version = variant_of(torch), str(torch.__version__)
    if wishes.version:
        compared = version if "+" in wishes.version else version.partition("+")[0]
        if compared != wishes.version:
            text = say("torch {found} is installed, {planned} was planned", found=version, planned=wishes.version)
            return Result("fail", version, detail=text, hint="build-differs-from-plan")
    if wishes.variant and not same_variant(found, wishes.variant):
        text = say("the build is {found}, {planned} was planned", found=found, planned=wishes.variant)
        hint = "cpu-wheel-installed" if found == "cpu" else "build-differs-from-plan"
        return Result("fail", found, detail=text, hint=hint)
    if found == "cpu" and gpu_is_expected(wishes) and sys.platform != "darwin":
        text = say("this build of torch computes on the CPU only, and the machine has a GPU")
        return Result("warn", found, detail=text, hint="cpu-wheel-installed")
    detail = say("torch {version}", version=version)
    return Result("pass", found, detail=say("{what}, as planned", what=detail) if wishes.variant else detail)
