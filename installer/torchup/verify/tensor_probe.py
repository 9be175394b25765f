"""Prove that a PyTorch installation computes correctly, on every device it can use.

    python tensor_probe.py --level quick [--json]

One file on purpose: it needs the standard library and torch only, runs under any Python from 3.9 on
with any torch from 2.0 on, and may be copied to another machine. torchup never imports it; it runs it
by path with the interpreter under test.

The process started by hand never imports torch. It starts a worker process that does, hands it one
check at a time, and watches the clock. A worker that crashes or hangs costs the check it was in; the
next check gets a fresh worker. Checks of one group share a worker, because importing torch is what
takes long.

Each check function takes a `Bench` and the operations under test as parameters, so that a wrong
operation can be put in to see the check fail. Sources of the limits stand beside them.
Exit status: 0 everything passed, 4 failed or degraded or nothing could be tested, 2 bad usage.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import importlib
import importlib.util
import json
import math
import os
import platform
import queue
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Sequence

SCHEMA = 1
LEVELS = ("quick", "standard", "full")
OLDEST_PYTHON = (3, 9)
STATUS_OK, STATUS_USAGE, STATUS_NOT_PROVED = 0, 2, 4

# Importing torch reads hundreds of megabytes: a cold network file system takes minutes.
IMPORT_SECONDS = 180.0
DYING_SECONDS = 10.0
MOST_CRASHES = 3
EVIDENCE_LINES = 6
ANSWER = "answer: "
MIB = 1 << 20

# --------------------------------------------------------------------------------------------------
# What a check says, and what it works on
# --------------------------------------------------------------------------------------------------


class Result(NamedTuple):
    """What one check found; `value` and `threshold` are in `unit`, `hint` is the id of a cause."""

    status: str
    value: Any = None
    unit: str | None = None
    threshold: float | None = None
    detail: str = ""
    hint: str | None = None
    extra: dict[str, Any] | None = None


class Skip(Exception):  # noqa: N818 - it reports a reason, not an error
    """A check cannot run here; the message is the reason."""


class Wishes(NamedTuple):
    """What the installation should be; None and "auto" mean that nobody said."""

    level: str = "quick"
    version: str | None = None
    variant: str | None = None
    gpu_expected: str = "auto"
    device: str | None = None


class Bench(NamedTuple):
    """One device with the torch that drives it; `kind` is cpu, cuda, hip, xpu or mps."""

    torch: Any
    device: str = "cpu"
    kind: str = "cpu"
    level: str = "quick"
    wishes: Wishes = Wishes()

    def put(self, tensor: Any) -> Any:
        """Copy a tensor to the device."""
        return tensor.to(self.device)

    def back(self, tensor: Any) -> Any:
        """Copy a tensor to the CPU, where every comparison is made."""
        return tensor.detach().to("cpu")

    def wait(self) -> None:
        """Wait for the device, so that its errors appear here and not later."""
        api = self.api
        if api is not None:
            api.synchronize()

    @property
    def api(self) -> Any:
        """torch.cuda (also for ROCm), torch.xpu or torch.mps; None for the CPU."""
        name = {"cuda": "cuda", "hip": "cuda", "xpu": "xpu", "mps": "mps"}.get(self.kind)
        return getattr(self.torch, name) if name else None

    def capability(self) -> tuple[int, int]:
        """Give the compute capability of an NVIDIA GPU; (0, 0) elsewhere."""
        if self.kind != "cuda":
            return (0, 0)
        major, minor = self.torch.cuda.get_device_capability(self.device)
        return (int(major), int(minor))

    def dtype(self, name: str) -> Any:
        """Give the torch dtype behind a short name such as fp16."""
        return getattr(self.torch, DTYPES[name])

    def generator(self, seed: int) -> Any:
        """Make a generator on the CPU: inputs are the same on every device."""
        return self.torch.Generator().manual_seed(seed)

    def normal(self, *shape: int, seed: int) -> Any:
        """Draw float32 numbers from N(0, 1)."""
        return self.torch.randn(*shape, generator=self.generator(seed))

    def whole(self, low: int, high: int, shape: Sequence[int], seed: int) -> Any:
        """Draw int64 numbers from low to high, both included."""
        return self.torch.randint(low, high + 1, tuple(shape), generator=self.generator(seed))


DTYPES = {
    "fp64": "float64",
    "fp32": "float32",
    "tf32": "float32",
    "fp16": "float16",
    "bf16": "bfloat16",
}


def load_torch() -> Any:
    """Import torch; only a worker process may call this."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("torch")


@contextlib.contextmanager
def strict_math(torch: Any, tf32: bool = False) -> Iterator[None]:
    """Compute in full precision (or TF32 where asked), whatever the defaults are, and put them back."""
    switches: list[tuple[Any, str, Any]] = []
    matmul = torch.backends.cuda.matmul
    mode = "tf32" if tf32 else "ieee"
    if hasattr(matmul, "fp32_precision"):
        # torch 2.9 and newer complains when the old and the new switch are mixed.
        switches += [(matmul, "fp32_precision", mode), (torch.backends.cudnn.conv, "fp32_precision", mode)]
    else:
        switches += [(matmul, "allow_tf32", tf32), (torch.backends.cudnn, "allow_tf32", tf32)]
    switches += [
        (matmul, name, False)
        for name in ("allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction")
        if hasattr(matmul, name)
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in switches]
    try:
        for owner, name, value in switches:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)


# --------------------------------------------------------------------------------------------------
# Causes: what an error message or a death tells. The ids are explained in causes.json beside this file.
# --------------------------------------------------------------------------------------------------

SYMPTOMS = (
    ("not compiled with CUDA enabled", "cpu-wheel-installed"),
    ("driver on your system is too old", "driver-too-old"),
    ("driver version is insufficient", "driver-too-old"),
    ("Found no NVIDIA driver", "driver-missing"),
    ("Error 802|system not yet initialized", "fabric-manager-missing"),
    ("Error 803|unsupported display driver", "error-803-driver-mix"),
    ("Error 804|forward compatibility was attempted", "forward-compat-804"),
    ("CUDA unknown error", "uvm-device-missing"),
    ("busy or unavailable", "exclusive-compute-mode"),
    ("unsupported toolchain", "ptx-unsupported-toolchain"),
    ("fallen off the bus|GPU is lost", "xid-79-fallen-off-bus"),
    ("uncorrectable ECC", "ecc-uncorrectable"),
    (r"undefined symbol: __nvJitLink|libnvJitLink\.so\.\d+ with link time reference", "nvjitlink-shadowed"),
    (r"libnvrtc\.so: cannot open", "libnvrtc-unversioned-missing"),
    (r"libcuda\.so: cannot open", "wsl-libcuda-not-on-path"),
    (r"version `(GLIBCXX|CXXABI)_[\d.]+' not found", "conda-libstdcxx-too-old"),
    (r"version `GLIBC_[\d.]+' not found", "glibc-too-old"),
    ("cannot enable executable stack", "exec-stack-glibc-241"),
    ("undefined symbol: iJIT_NotifyEvent", "mkl-ijit-notifyevent"),
    (r"undefined symbol: _ZN(3c10|2at|5torch)", "extension-abi-undefined-symbol"),
    ("operator torchvision::nms does not exist|No such operator torchvision::nms", "torchvision-nms-missing"),
    ("partially initialized module|circular import", "torch-partially-initialized"),
    (r"_ARRAY_API not found|Numpy is not available|compiled using NumPy 1\.x", "numpy2-abi"),
    ("not currently implemented for the MPS device", "mps-op-missing"),
    ("invalid device function|HSA_STATUS_ERROR_INVALID_ISA", "rocm-unsupported-gfx"),
    ("Unable to open /dev/kfd", "rocm-kfd-permission"),
    ("Failed to initialize XPU|No XPU devices", "xpu-driver-missing"),
    (r"WinError 1455", "windows-paging-file"),
    (r"WinError 126", "windows-library-missing"),
    ("Cannot re-initialize CUDA in forked", "cuda-after-fork"),
    ("out of memory", "device-memory-full"),
)

# What cuInit answers, from cuda.h (CUresult).
CUINIT_CAUSES = {
    35: "driver-too-old",
    802: "fabric-manager-missing",
    803: "error-803-driver-mix",
    804: "forward-compat-804",
    999: "uvm-device-missing",
}

SIGNAL_CAUSES = {
    "SIGILL": ("illegal instruction", "cpu-without-avx"),
    "SIGBUS": ("bus error", "shm-too-small"),
    "SIGKILL": ("killed, as the kernel does when memory runs out", "killed-out-of-memory"),
    "SIGSEGV": ("segmentation fault", "native-crash"),
    "SIGABRT": ("aborted", "native-crash"),
    "SIGFPE": ("arithmetic fault", "native-crash"),
}
WINDOWS_DEATHS = {0xC000001D: "SIGILL", 0xC0000005: "SIGSEGV", 0xC0000409: "SIGABRT"}

NO_KERNEL = "no kernel image is available"


def cause_of(text: str) -> str | None:
    """Find the cause that an error text names; None when it names none that is known."""
    return next((cause for pattern, cause in SYMPTOMS if re.search(pattern, text)), None)


def cause_of_missing_kernel(capability: tuple[int, int], arch_list: Sequence[str]) -> str:
    """Tell whether a GPU is too new or too old for the kernels of a build."""
    numbers = [int(match.group(1)) for match in map(ARCH.fullmatch, arch_list) if match]
    newest = max(numbers, default=0)
    sm = capability[0] * 10 + capability[1]
    return "no-kernel-image-new-gpu" if sm > newest else "no-kernel-image-old-gpu"


def death_of(returncode: int) -> tuple[str, str | None]:
    """Name how a process died: a sentence, and the cause where the signal tells one."""
    name = WINDOWS_DEATHS.get(returncode & 0xFFFFFFFF)
    if returncode < 0 and name is None:
        try:
            name = signal.Signals(-returncode).name
        except ValueError:
            return f"died of signal {-returncode}", None
    if name is None:
        return f"ended early with status {returncode}", None
    what, cause = SIGNAL_CAUSES.get(name, ("stopped", None))
    return f"died of {name} ({what})", cause


# --------------------------------------------------------------------------------------------------
# Checks of the installation
# --------------------------------------------------------------------------------------------------

ARCH = re.compile(r"(?:sm|compute)_(\d+)([af]?)")
CUDA_LIBRARY = re.compile(r"lib(cudart|cublas|cublasLt|cudnn|cusparse|cusolver|cufft|nvJitLink|nccl|nvrtc)\.so[.\d]*$")

# Integrated GPUs whose kernels are their own: torch/cuda/__init__.py, DEVICE_REQUIREMENT (torch 2.13).
ALONE = (53, 62, 72, 87, 101)
LEFT_OUT = {50: (53,), 52: (53,), 60: (62,), 61: (62,), 70: (72,), 80: (87,), 86: (87,), 100: (101,)}
ALSO = {101: (110,)}


def serves(built: str, capability: tuple[int, int]) -> bool:
    """Tell whether machine code built for `sm_NN` runs on a GPU of this compute capability.

    Same major and built minor not above the device's, but for integrated GPUs; `sm_NNa` runs on
    exactly that capability, `sm_NNf` on its family (CUDA programming guide).
    """
    match = ARCH.fullmatch(built)
    if match is None or not built.startswith("sm_"):
        return False
    number, suffix = int(match.group(1)), match.group(2)
    sm = capability[0] * 10 + capability[1]
    if sm in ALSO.get(number, ()):
        return True
    if suffix == "a" or number in ALONE:
        return sm == number
    return number // 10 == capability[0] and number <= sm and sm not in LEFT_OUT.get(number, ())


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


def shadowing_libraries(maps: str, own_folders: Sequence[str]) -> dict[str, str]:
    """Find CUDA libraries that were loaded from outside although the environment has its own.

    `maps` is the text of /proc/self/maps. Returns the base name and the path of each.
    """
    loaded = {line.split(None, 5)[5].strip() for line in maps.splitlines() if ".so" in line and "/" in line}
    own = {
        path.name
        for folder in own_folders
        for pattern in ("nvidia/*/lib/*.so*", "torch/lib/*.so*", "nvidia/*/lib/*/*.so*")
        for path in Path(folder).glob(pattern)
    }
    roots = tuple(os.path.realpath(folder) + os.sep for folder in own_folders)
    return {
        Path(path).name: path
        for path in sorted(loaded)
        if CUDA_LIBRARY.search(path) and Path(path).name in own and not os.path.realpath(path).startswith(roots)
    }


def foreign_origin(torch_file: str) -> str | None:
    """Tell by what torch came from outside the interpreter's own packages; None when it did not."""
    here = os.path.realpath(torch_file)
    roots = {sysconfig.get_path(name) for name in ("purelib", "platlib")} | {sys.prefix, sys.base_prefix}
    user = None
    if importlib.util.find_spec("site"):
        with contextlib.suppress(AttributeError, OSError):
            user = importlib.import_module("site").getusersitepackages()
    if user and here.startswith(os.path.realpath(user) + os.sep):
        return "the user site folder" if sys.prefix != sys.base_prefix else None
    for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        if entry and here.startswith(os.path.realpath(entry) + os.sep):
            return "PYTHONPATH"
    if any(here.startswith(os.path.realpath(root) + os.sep) for root in roots if root):
        return None
    return "a path outside the environment"


def check_import(wishes: Wishes) -> tuple[Result, Any]:
    """Import torch and say where it and its CUDA libraries came from."""
    del wishes
    start = time.perf_counter()
    try:
        torch = load_torch()
    except ModuleNotFoundError as error:
        if error.name == "torch":
            return Result("fail", detail="torch is not installed for this Python", hint="torch-not-installed"), None
        detail = f"torch needs the module {error.name}, which is not installed"
        return Result("fail", detail=detail, hint="torch-incomplete"), None
    except Exception as error:  # noqa: BLE001 - whatever goes wrong at import is the finding
        text = f"{type(error).__name__}: {error}"
        return Result("fail", detail=text, hint=cause_of(text) or "torch-import-error"), None
    seconds = time.perf_counter() - start
    origin = getattr(torch, "__file__", None)
    if origin is None or not hasattr(torch, "version"):
        text = f"a folder named torch without the package in it: {list(getattr(torch, '__path__', []))}"
        return Result("fail", detail=text, hint="torch-partially-initialized"), None
    facts = {
        "torch": str(torch.__version__),
        "torch_file": origin,
        "variant": variant_of(torch),
        "cuda": getattr(torch.version, "cuda", None),
        "hip": getattr(torch.version, "hip", None),
        "xpu": getattr(torch.version, "xpu", None),
    }
    status, detail, hint = "pass", f"torch {torch.__version__}", None
    came_by = foreign_origin(origin)
    shadows: dict[str, str] = {}
    with contextlib.suppress(OSError):
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
        folders = sorted({str(Path(origin).parent.parent), sysconfig.get_path("purelib")})
        shadows = shadowing_libraries(maps, folders)
    if came_by:
        status, hint = "warn", "python-path-shadows"
        detail += f", but from {came_by}: {origin}"
    elif shadows:
        status, hint = "warn", "nvjitlink-shadowed"
        detail += ", but CUDA libraries from outside were loaded: " + ", ".join(shadows.values())
        facts["shadowing_libraries"] = shadows
    return Result(status, round(seconds, 2), "s", None, detail, hint, {"environment": facts}), torch


def check_build(bench: Bench) -> Result:
    """Compare the build with the plan."""
    torch, wishes = bench.torch, bench.wishes
    found, version = variant_of(torch), str(torch.__version__)
    if wishes.version:
        compared = version if "+" in wishes.version else version.partition("+")[0]
        if compared != wishes.version:
            text = f"torch {version} is installed, {wishes.version} was planned"
            return Result("fail", version, detail=text, hint="build-differs-from-plan")
    if wishes.variant and not same_variant(found, wishes.variant):
        text = f"the build is {found}, {wishes.variant} was planned"
        hint = "cpu-wheel-installed" if found == "cpu" else "build-differs-from-plan"
        return Result("fail", found, detail=text, hint=hint)
    if found == "cpu" and gpu_is_expected(wishes) and sys.platform != "darwin":
        text = "this build of torch computes on the CPU only, and the machine has a GPU"
        return Result("warn", found, detail=text, hint="cpu-wheel-installed")
    return Result("pass", found, detail=f"torch {version}" + (", as planned" if wishes.variant else ""))


def gpu_is_expected(wishes: Wishes) -> bool:
    """Tell whether a GPU ought to be usable: by what was said, else by what is on the bus."""
    if wishes.gpu_expected != "auto":
        return wishes.gpu_expected == "yes"
    return bool(nvidia_on_bus("/sys/bus/pci/devices")) or os.path.exists("/usr/lib/wsl/lib/libcuda.so.1")  # noqa: PTH110 - one look


def nvidia_on_bus(folder: str) -> list[str]:
    """List the PCI addresses of NVIDIA display and 3D controllers (vendor 10de, class 0300 or 0302)."""
    found = []
    for device in sorted(Path(folder).glob("*")):
        with contextlib.suppress(OSError):
            vendor = (device / "vendor").read_text(encoding="ascii").strip()
            kind = (device / "class").read_text(encoding="ascii").strip()
            if vendor == "0x10de" and kind[:6] in ("0x0300", "0x0302"):
                found.append(device.name)
    return found


def devices_of(torch: Any) -> list[dict[str, Any]]:
    """List the accelerators that torch can use, best kind first."""
    if torch.cuda.is_available():
        kind = "hip" if getattr(torch.version, "hip", None) else "cuda"
        return [describe_cuda(torch, index, kind) for index in range(torch.cuda.device_count())]
    xpu = getattr(torch, "xpu", None)
    if xpu is not None and xpu.is_available():
        return [
            {"device": f"xpu:{index}", "kind": "xpu", "name": str(xpu.get_device_name(index))}
            for index in range(xpu.device_count())
        ]
    mps = getattr(torch.backends, "mps", None)
    if mps is not None and mps.is_available():
        return [{"device": "mps", "kind": "mps", "name": f"Apple GPU ({platform.machine()})"}]
    return []


def describe_cuda(torch: Any, index: int, kind: str) -> dict[str, Any]:
    """Describe one CUDA or ROCm device."""
    device: dict[str, Any] = {"device": f"cuda:{index}", "kind": kind, "name": str(torch.cuda.get_device_name(index))}
    properties = torch.cuda.get_device_properties(index)
    if kind == "cuda":
        device["capability"] = ".".join(map(str, torch.cuda.get_device_capability(index)))
    else:
        device["gfx"] = str(getattr(properties, "gcnArchName", "")).partition(":")[0]
    memory = getattr(properties, "total_memory", None)
    if memory:
        device["memory_mib"] = int(memory) // MIB
    return device


MASKS = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")


def check_visible(bench: Bench) -> Result:
    """Count the devices that torch can use, and find out why when there are none."""
    torch, wishes = bench.torch, bench.wishes
    devices = devices_of(torch)
    masks = {name: os.environ[name] for name in MASKS if name in os.environ}
    masked = ", ".join(f"{name}={value!r}" for name, value in masks.items())
    if devices:
        listed = ", ".join(device["name"] for device in devices)
        detail = listed + (f" (limited by {masked})" if masked else "")
        present = len(list(Path("/proc/driver/nvidia/gpus").glob("*"))) if devices[0]["kind"] == "cuda" else 0
        if present > len(devices) and not masked:
            text = f"the driver serves {present} GPUs, torch sees {len(devices)}: {detail}"
            return Result("warn", len(devices), "GPUs", present, text, None, {"devices": devices})
        return Result("pass", len(devices), "GPUs", None, detail, None, {"devices": devices})
    cpu = {"devices": [{"device": "cpu", "kind": "cpu", "name": platform.processor() or platform.machine()}]}
    built = variant_of(torch)
    if not gpu_is_expected(wishes):
        if wishes.variant and wishes.variant.startswith(("cu", "rocm", "xpu")) and built != "cpu":
            text = f"the {built} build sees no GPU here, so only the CPU is tested"
            return Result("warn", 0, "GPUs", None, text, "no-gpu-to-test", cpu)
        return Result("pass", 0, "GPUs", None, "no GPU is expected here; the CPU is tested", None, cpu)
    if built == "cpu":
        text = "the machine has a GPU, but a CPU build cannot use it; only the CPU is tested"
        return Result("warn", 0, "GPUs", None, text, "cpu-wheel-installed", cpu)
    why, cause = diagnose_no_gpu(torch, built, masks)
    return Result("fail", 0, "GPUs", 1, f"the {built} build cannot use the GPU: {why}", cause, {"devices": []})


def diagnose_no_gpu(torch: Any, built: str, masks: Mapping[str, str]) -> tuple[str, str | None]:
    """Find out why a GPU build sees no GPU: what it says itself, what a run without masks sees, what cuInit answers."""
    if masks:
        clean = {name: value for name, value in os.environ.items() if name not in MASKS}
        count = ask_python(["import torch; print(torch.cuda.device_count())"], clean)
        if count.isdigit() and int(count):
            hidden = ", ".join(f"{name}={value!r}" for name, value in masks.items())
            return f"{hidden} hides {count} of them", "cuda-visible-devices-hides-gpu"
    said = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            (torch.xpu if built == "xpu" else torch.cuda).init()
        except Exception as error:  # noqa: BLE001 - its text is the evidence
            said = str(error)
    said = said or " ".join(str(warning.message) for warning in caught)
    said = first_line(said) or "it gives no reason"
    if built == "xpu":
        return said, "xpu-driver-missing"
    if built.startswith("rocm"):
        if Path("/dev/kfd").exists() and not os.access("/dev/kfd", os.R_OK | os.W_OK):
            return f"{said}; /dev/kfd may not be opened by this user", "rocm-kfd-permission"
        return said, cause_of(said)
    answer = ask_python([CUINIT])
    code = int(answer) if answer.lstrip("-").isdigit() else None
    if code in CUINIT_CAUSES:
        return f"{said} (cuInit answers {code})", CUINIT_CAUSES[code]
    if code is None:
        cause = "wsl-libcuda-not-on-path" if Path("/usr/lib/wsl/lib/libcuda.so.1").exists() else "driver-missing"
        if Path("/sys/module/nouveau").exists():
            cause = "nouveau-loaded"
        return f"{said} (the driver's libcuda is not found)", cause_of(said) or cause
    return f"{said} (cuInit answers {code})", cause_of(said)


CUINIT = """
import ctypes, sys
library = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
print(library.cuInit(0))
"""


def ask_python(lines: Sequence[str], environ: Mapping[str, str] | None = None, seconds: float = IMPORT_SECONDS) -> str:
    """Run a few lines in a Python of their own; the answer is empty when they fail."""
    command = [sys.executable, "-c", "\n".join(lines)]
    try:
        done = subprocess.run(
            command,
            env=None if environ is None else dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def check_arch(bench: Bench) -> Result:
    """Compare the GPU with the kernels inside the build, and run the smallest kernel when in doubt."""
    torch = bench.torch
    arch_list = [str(arch) for arch in torch.cuda.get_arch_list()]
    index = int(bench.device.partition(":")[2] or 0)
    if bench.kind == "hip":
        gfx = describe_cuda(torch, index, "hip")["gfx"]
        if gfx in arch_list:
            return Result("pass", gfx, detail=f"kernels for {gfx} are in the build")
        label, cause = gfx, "rocm-unsupported-gfx"
    else:
        capability = tuple(torch.cuda.get_device_capability(index))
        label = ".".join(map(str, capability))
        native = [arch for arch in arch_list if serves(arch, capability)]
        if native:
            return Result("pass", label, detail=f"compute capability {label} is served by {native[-1]}")
        cause = cause_of_missing_kernel(capability, arch_list)
        sm = capability[0] * 10 + capability[1]
        ptx = [
            arch
            for arch in arch_list
            if arch.startswith("compute_") and int(ARCH.fullmatch(arch).group(1)) <= sm  # type: ignore[union-attr]  # the list comes from torch itself
        ]
        if ptx:
            text = f"no machine code for compute capability {label}, but {ptx[-1]} can be compiled by the driver"
            return Result("warn", label, detail=text + ": the first use is slow", hint=cause)
    text = f"no kernels for {label}: the build has {' '.join(arch_list) or 'none'}"
    try:
        answer = float((torch.ones(8, device=bench.device) + 1).sum().to("cpu"))
    except Exception as error:  # noqa: BLE001 - that it fails is what was expected
        return Result("fail", label, detail=f"{text}; a first kernel says: {first_line(str(error))}", hint=cause)
    if answer == 16:  # noqa: PLR2004 - eight times 1 + 1
        return Result("warn", label, detail=f"{text}, yet a first kernel ran", hint=cause)
    return Result("fail", label, detail=f"{text}; a first kernel gave {answer} in place of 16", hint=cause)


# --------------------------------------------------------------------------------------------------
# Checks of memory
# --------------------------------------------------------------------------------------------------

ALLOCATION = 256 * MIB
COPIED_WORDS = 64 * MIB // 8


def check_alloc(bench: Bench, fill: Callable[[Any, int], Any] | None = None) -> Result:
    """Allocate 256 MiB, fill it, read it back and give it back."""
    torch = bench.torch
    fill = fill or (lambda block, value: block.fill_(value))
    free_before = free_memory(bench)
    block = torch.empty(ALLOCATION // 8, dtype=torch.int64, device=bench.device)
    free_during = free_memory(bench)
    wrong = 0
    for value in (-1, 0x5555555555555555):
        fill(block, value)
        wrong += int((block != value).sum().to("cpu"))
    size = block.numel() * block.element_size() // MIB
    del block
    if wrong:
        return Result("fail", wrong, "wrong words", 0, "memory does not hold what was written", "wrong-results")
    detail = f"{size} MiB written and read twice"
    if free_before is not None and free_during is not None and free_during > free_before:
        return Result("fail", detail=detail + ", but free memory grew while it was held", hint="wrong-results")
    if bench.kind in ("cuda", "hip"):
        torch.cuda.empty_cache()
        detail += f"; {(free_before or 0) // MIB} MiB were free"
    return Result("pass", size, "MiB", None, detail)


def free_memory(bench: Bench) -> int | None:
    """Read the free memory of the device in bytes, where the device tells."""
    if bench.kind not in ("cuda", "hip"):
        return None
    return int(bench.torch.cuda.mem_get_info(bench.device)[0])


def check_copy(bench: Bench, transfer: Callable[[Any, str], Any] | None = None) -> Result:
    """Copy 64 MiB of random bits to the device, on it and back; every bit must return."""
    torch = bench.torch
    transfer = transfer or (lambda tensor, device: tensor.to(device, copy=True))
    source = torch.randint(-(2**62), 2**62, (COPIED_WORDS,), generator=bench.generator(6))
    on_device = transfer(source, bench.device)
    bench.wait()
    again = transfer(on_device, bench.device)
    ways = {"there and back": transfer(on_device, "cpu"), "on the device": transfer(again, "cpu")}
    if bench.kind in ("cuda", "hip", "xpu"):
        pinned = source.pin_memory()
        landed = torch.empty_like(source).pin_memory()
        landed.copy_(pinned.to(bench.device, non_blocking=True), non_blocking=True)
        bench.wait()
        ways["pinned memory"] = landed
    wrong = {name: int((copied != source).sum()) for name, copied in ways.items()}
    bad = {name: count for name, count in wrong.items() if count}
    if bad:
        text = "64 MiB changed on the way: " + ", ".join(f"{name} {count} words" for name, count in bad.items())
        return Result("fail", sum(bad.values()), "wrong words", 0, text, "wrong-results")
    return Result("pass", 0, "wrong words", 0, "64 MiB unchanged: " + ", ".join(ways))


# --------------------------------------------------------------------------------------------------
# Exact products: integers that fit make every partial sum exact, in any order and on any hardware
# --------------------------------------------------------------------------------------------------


class Exact(NamedTuple):
    """Entries for one dtype: sums stay below 2^bits, so that no rounding can happen.

    `signed` goes both ways; `full` is all positive and makes every sum need all `bits` bits or one
    less, so that a result with fewer bits shows.
    """

    k: int
    signed: tuple[int, int]
    full: tuple[int, int]
    bits: int


EXACT = {
    # Entries below 2^11 are exact in TF32 as well. 4096 * 63 * 63 < 2^24.
    "fp32": Exact(4096, (-31, 31), (46, 63), 24),
    "fp16": Exact(512, (-2, 2), (1, 2), 11),
    "bf16": Exact(64, (-2, 2), (1, 2), 8),
    # 512 * (2^22 - 1)^2 < 2^53.
    "fp64": Exact(512, (-4194303, 4194303), (3145728, 4194303), 53),
}
LARGEST_INT64_PRODUCT = 50_000_000


def exact_product(left: Any, right: Any) -> Any:
    """Multiply int64 matrices exactly; float64 is as exact below 2^53 and much faster."""
    work = left.shape[0] * left.shape[1] * right.shape[1]
    biggest = int(left.abs().max()) * int(right.abs().max()) * left.shape[1]
    if work <= LARGEST_INT64_PRODUCT or biggest >= 1 << 53:
        return left @ right
    return (left.double() @ right.double()).long()


def check_exact(bench: Bench, name: str, matmul: Callable[[Any, Any], Any] | None = None) -> Result:
    """Multiply integer matrices in one dtype; the result must equal the int64 product bit for bit."""
    torch, entry = bench.torch, EXACT[name]
    dtype = usable_dtype(bench, name)
    matmul = matmul or torch.matmul
    # fp16 products on a CPU have no fast kernel; 1000 is no multiple of 8, which changes the kernel.
    sizes = (256,) if bench.kind == "cpu" and name in ("fp16", "fp64") else (256, 1000)
    total = 0
    for size in sizes:
        for seed, (low, high) in enumerate((entry.signed, entry.full)):
            left = bench.whole(low, high, (size, entry.k), seed=10 + seed)
            right = bench.whole(low, high, (entry.k, size), seed=20 + seed)
            want = exact_product(left, right)
            with strict_math(torch):
                got = bench.back(matmul(bench.put(left.to(dtype)), bench.put(right.to(dtype))))
            difference = first_difference(torch, got, want)
            if difference:
                text = f"{size}x{entry.k}x{size}: {difference}"
                wrong = int((got.double() != want.double()).sum()) if got.shape == want.shape else want.numel()
                return Result("fail", wrong, "wrong elements", 0, text, "wrong-results")
            total += want.numel()
    return Result("pass", 0, "wrong elements", 0, f"{total} sums of {entry.k} products, all equal bit for bit")


def first_difference(torch: Any, got: Any, want: Any) -> str | None:
    """Describe how a result differs from whole numbers; None when it does not."""
    if got.shape != want.shape:
        return f"the shape is {tuple(got.shape)}, not {tuple(want.shape)}"
    wrong = got.double() != want.double()
    count = int(wrong.sum())
    if not count:
        return None
    spot = tuple(int(position) for position in torch.nonzero(wrong)[0])
    return f"{count} of {want.numel()} elements are wrong, the first at {list(spot)}: {float(got[spot])} for {int(want[spot])}"


def check_exact_int(bench: Bench, multiply: Callable[[Any, Any], Any] | None = None) -> Result:
    """Multiply and add int32 and int64 numbers; the results must equal Python's own."""
    torch = bench.torch
    multiply = multiply or (lambda left, right: (left * right).sum(dtype=torch.int64))
    wrong = 0
    for dtype, bound in ((torch.int32, 30000), (torch.int64, 1 << 29)):
        left = bench.whole(-bound, bound, (1000,), seed=30)
        right = bench.whole(-bound, bound, (1000,), seed=31)
        numbers = left.tolist()
        want = sum(number * right_number for number, right_number in zip(numbers, right.tolist()))  # noqa: B905 - 3.9 has no strict
        got = int(multiply(bench.put(left.to(dtype)), bench.put(right.to(dtype))).to("cpu"))
        wrong += got != want
    if wrong:
        return Result("fail", wrong, "wrong sums", 0, "integer products are wrong", "wrong-results")
    return Result("pass", 0, "wrong sums", 0, "int32 and int64 products equal Python's")


def usable_dtype(bench: Bench, name: str) -> Any:
    """Give the dtype, or skip where the device has none of it."""
    if name == "fp64" and bench.kind == "mps":
        raise Skip("Apple GPUs have no float64")
    if name == "fp64" and bench.kind == "xpu":
        properties = bench.torch.xpu.get_device_properties(bench.device)
        if not getattr(properties, "has_fp64", True):
            raise Skip("this Intel GPU has no float64")
    if name == "tf32" and bench.kind != "cuda":
        raise Skip("TF32 is a format of NVIDIA GPUs")
    if name == "tf32" and bench.capability() < (8, 0):
        raise Skip("TF32 needs compute capability 8.0")
    return bench.dtype(name)


# --------------------------------------------------------------------------------------------------
# Rounded products against float64
# --------------------------------------------------------------------------------------------------


class Limit(NamedTuple):
    """How far a result may be off: norm-wise, at its worst element, and where given in units of rounding.

    `unit` is u = 2^-p of an output dtype with p bits. Rounding to nearest is off by at most u for each
    element and by 0.43 u norm-wise, to both sides alike; truncation is off by 0.9 u norm-wise and about
    0.7 u to one side. TF32 inputs give 0.6 * 2^-11 norm-wise.
    """

    norm: float
    worst: float
    unit: float | None = None


MATMUL = {
    "fp64": Limit(1e-13, 1e-12),
    "fp32": Limit(1e-5, 1e-5),
    "tf32": Limit(1e-3, 2e-3),
    "fp16": Limit(1e-3, 2e-3, 2.0**-11),
    "bf16": Limit(6e-3, 1.2e-2, 2.0**-8),
}
TF32_LOOKS_LIKE = (5e-5, 1e-3)
MOST_ROUNDINGS, MOST_BIAS = 2.0, 0.25
# What summing in float32 may add, relative to the largest element: ten times the limit of fp32 itself.
SUMMATION = 1e-4


class Error(NamedTuple):
    """How far a result is from its reference: relative to it, and in units of its rounding."""

    norm: float
    worst: float
    bias: float
    roundings: float
    not_finite: int


def error_of(got: Any, want: Any, unit: float = 1.0) -> Error:
    """Measure a result against a float64 reference, both on the CPU."""
    if got.shape != want.shape:
        raise ValueError(f"the shape is {tuple(got.shape)}, not {tuple(want.shape)}")
    got = got.double()
    gap, size = got - want, want.abs()
    return Error(
        norm=float(gap.norm() / want.norm()),
        worst=float(gap.abs().max() / size.max()),
        bias=float((got.abs() - size).mean() / size.mean()) / unit,
        roundings=float((gap.abs() / (unit * size + SUMMATION * size.max())).max()),
        not_finite=int((~got.isfinite()).sum()),
    )


def judge(error: Error, limit: Limit, what: str) -> Result:
    """Turn an error and its limit into a result; a NaN is never within a limit."""
    if error.not_finite:
        text = f"{what}: {error.not_finite} elements are NaN or infinite"
        return Result("fail", error.not_finite, "not finite", 0, text, "wrong-results")
    if not error.norm <= limit.norm:
        text = f"{what}: error {error.norm:.1e} is above {limit.norm:.0e}"
        hint = "wrong-results"
        low, high = TF32_LOOKS_LIKE
        # TF32 is off everywhere alike; one wrong element of the same norm stands out.
        if limit is MATMUL["fp32"] and low < error.norm < high and error.worst < 3 * error.norm:
            text += ", the size that TF32 gives although it was switched off"
            hint = "tf32-forced"
        return Result("fail", error.norm, "relative", limit.norm, text, hint)
    if not error.worst <= limit.worst:
        text = f"{what}: the worst element is off by {error.worst:.1e}, above {limit.worst:.0e}"
        return Result("fail", error.worst, "relative", limit.worst, text, "wrong-results")
    if limit.unit is not None and not error.roundings <= MOST_ROUNDINGS:
        text = f"{what}: an element is off by {error.roundings:.1f} roundings, above {MOST_ROUNDINGS:g}"
        return Result("fail", error.roundings, "roundings", MOST_ROUNDINGS, text, "wrong-results")
    if limit.unit is not None and not abs(error.bias) <= MOST_BIAS:
        text = f"{what}: the result leans to one side by {error.bias:.2f} roundings: not rounded to nearest"
        return Result("fail", abs(error.bias), "roundings", MOST_BIAS, text, "wrong-results")
    return Result("pass", error.norm, "relative", limit.norm, what)


def check_matmul(bench: Bench, name: str, matmul: Callable[[Any, Any], Any] | None = None) -> Result:
    """Multiply random matrices in one dtype and compare with float64 on the CPU."""
    torch = bench.torch
    dtype = usable_dtype(bench, name)
    matmul = matmul or torch.matmul
    if name == "fp64" and bench.kind == "cpu":
        raise Skip("float64 on the CPU is the reference itself; exact-fp64 tests it")
    size = 512
    if bench.level != "quick":
        size = 1024 if bench.kind == "cpu" else 4096
    if bench.kind == "cpu" and name == "fp16":
        size = 256
    # The reference uses the cast inputs: only the arithmetic is judged, not the rounding of inputs.
    left, right = (bench.normal(size, size, seed=seed).to(dtype) for seed in (40, 41))
    want = left.double() @ right.double()
    with strict_math(torch, tf32=name == "tf32"):
        got = bench.back(matmul(bench.put(left), bench.put(right)))
    limit = MATMUL[name]
    return judge(error_of(got, want, limit.unit or 1.0), limit, f"{size}x{size} against float64")


# --------------------------------------------------------------------------------------------------
# Element-wise operations, reductions, sorting, random numbers
# --------------------------------------------------------------------------------------------------

ELEMENTS = 1_000_000
# torch.testing.assert_close's defaults for float32.
RTOL, ATOL = 1.3e-6, 1e-5


def check_elementwise(bench: Bench, operations: Mapping[str, Callable[..., Any]] | None = None) -> Result:
    """Apply add, multiply, exp, tanh, sqrt and softmax to a million numbers and compare with float64."""
    torch = bench.torch
    known: dict[str, Callable[..., Any]] = {
        "add": lambda x: x + 1.25,
        "mul": lambda x: x * x,
        "exp": torch.exp,
        "tanh": torch.tanh,
        "sqrt": lambda x: x.abs().sqrt(),
        "softmax": lambda x: x.softmax(-1),
    }
    tested = {**known, **(operations or {})}
    x = bench.normal(1000, ELEMENTS // 1000, seed=50)
    on_device = bench.put(x)
    worst, worst_name = 0.0, "add"
    for name, operation in known.items():
        want = operation(x.double())
        got = bench.back(tested[name](on_device)).double()
        ratio = float(((got - want).abs() / (ATOL + RTOL * want.abs())).max())
        if not ratio <= worst:
            worst, worst_name = ratio, name
        if math.isnan(ratio):
            return Result("fail", detail=f"{name} gives NaN", hint="wrong-results")
    if worst > 1:
        text = f"{worst_name} is off by {worst:.1f} times what float32 allows"
        return Result("fail", worst, "x allowed", 1, text, "wrong-results")
    return Result("pass", worst, "x allowed", 1, f"{len(known)} operations on {ELEMENTS} numbers")


def check_reduce(bench: Bench, operations: Mapping[str, Callable[..., Any]] | None = None) -> Result:
    """Reduce a million whole numbers; sums below 2^24 are exact in float32 in any order."""
    torch = bench.torch
    tested: dict[str, Callable[..., Any]] = {
        "sum": torch.sum,
        "sum of rows": lambda x: x.sum(1),
        "sum of columns": lambda x: x.sum(0),
        "max": torch.amax,
        "argmax": torch.argmax,
        "cumsum": lambda x: x.flatten().cumsum(0),
        **(operations or {}),
    }
    numbers = bench.whole(0, 15, (1000, ELEMENTS // 1000), seed=51)
    numbers[617, 289] = 999
    wants = {
        "sum": numbers.sum(),
        "sum of rows": numbers.sum(1),
        "sum of columns": numbers.sum(0),
        "max": torch.tensor(999),
        "argmax": torch.tensor(617 * 1000 + 289),
        "cumsum": numbers.flatten().cumsum(0),
    }
    on_device = bench.put(numbers.float())
    for name, want in wants.items():
        difference = first_difference(torch, bench.back(tested[name](on_device)), want)
        if difference:
            return Result("fail", 1, "wrong results", 0, f"{name}: {difference}", "wrong-results")
    return Result("pass", 0, "wrong results", 0, f"{', '.join(wants)} of {ELEMENTS} numbers, all exact")


def check_sort(bench: Bench, operations: Mapping[str, Callable[..., Any]] | None = None) -> Result:
    """Sort, select, gather and scatter a permutation of a million numbers; all results are known."""
    torch = bench.torch
    tested: dict[str, Callable[..., Any]] = {
        "sort": lambda x: torch.sort(x).values,
        "argsort": torch.argsort,
        "topk": lambda x: torch.topk(x, 100).values,
        "gather": lambda x: x.gather(0, x),
        "index_put": lambda x: torch.zeros(1000, dtype=torch.int32, device=x.device).index_put_(
            (x % 1000,), torch.ones_like(x, dtype=torch.int32), accumulate=True
        ),
        **(operations or {}),
    }
    shuffled = torch.randperm(ELEMENTS, generator=bench.generator(52))
    inverse = torch.empty_like(shuffled)
    inverse[shuffled] = torch.arange(ELEMENTS)
    wants = {
        "sort": torch.arange(ELEMENTS),
        "argsort": inverse,
        "topk": torch.arange(ELEMENTS - 1, ELEMENTS - 101, -1),
        "gather": shuffled[shuffled],
        "index_put": torch.full((1000,), ELEMENTS // 1000),
    }
    on_device = bench.put(shuffled)
    for name, want in wants.items():
        difference = first_difference(torch, bench.back(tested[name](on_device)), want)
        if difference:
            return Result("fail", 1, "wrong results", 0, f"{name}: {difference}", "wrong-results")
    return Result("pass", 0, "wrong results", 0, f"{', '.join(wants)} of {ELEMENTS} numbers, all exact")


SIGMAS = 5.0


def check_rng(bench: Bench, rand: Callable[[int, int], Any] | None = None) -> Result:
    """Draw random numbers on the device: range, mean and spread, and the same seed gives the same numbers."""
    torch = bench.torch

    def draw(seed: int, count: int) -> Any:
        torch.manual_seed(seed)
        return torch.rand(count, device=bench.device)

    rand = rand or draw
    first, second, other = (bench.back(rand(seed, ELEMENTS)).double() for seed in (60, 60, 61))
    if not bool(((first >= 0) & (first < 1)).all()):
        return Result("fail", detail="torch.rand left the range from 0 to 1", hint="wrong-results")
    if not torch.equal(first, second):
        return Result("fail", detail="the same seed gave other numbers", hint="wrong-results")
    if torch.equal(first, other):
        return Result("fail", detail="another seed gave the same numbers", hint="wrong-results")
    # For uniform numbers the mean has the variance 1/12n, the mean square 4/45n, and the product of
    # neighbours, each less 1/2, 1/144n.
    sizes = {
        "mean": float(first.mean() - 0.5) / math.sqrt(1 / 12 / ELEMENTS),
        "mean square": float((first * first).mean() - 1 / 3) / math.sqrt(4 / 45 / ELEMENTS),
        "neighbours": float(((first[1:] - 0.5) * (first[:-1] - 0.5)).mean()) / math.sqrt(1 / 144 / ELEMENTS),
    }
    name, sigmas = max(sizes.items(), key=lambda item: abs(item[1]))
    if not abs(sigmas) <= SIGMAS:
        text = f"the {name} of {ELEMENTS} numbers is {abs(sigmas):.1f} sigma off"
        return Result("fail", abs(sigmas), "sigma", SIGMAS, text, "wrong-results")
    return Result("pass", abs(sigmas), "sigma", SIGMAS, f"{ELEMENTS} uniform numbers, repeatable by seed")


# --------------------------------------------------------------------------------------------------
# Convolution, transforms, linear algebra, attention
# --------------------------------------------------------------------------------------------------

CONV_LIMIT, GRADIENT_LIMIT = Limit(1e-5, 1e-5), Limit(1e-4, 1e-4)


def check_conv(bench: Bench, conv: Callable[[Any, Any], Any] | None = None) -> Result:
    """Convolve and normalise a batch of images, forward and backward, and compare with float64."""
    torch = bench.torch
    functional = torch.nn.functional
    reference: Callable[[Any, Any], Any] = lambda x, w: functional.conv2d(x, w, padding=1)  # noqa: E731 - one line, used as the default
    images, weights = bench.normal(8, 16, 32, 32, seed=70), bench.normal(32, 16, 3, 3, seed=71)

    def run(convolve: Callable[[Any, Any], Any], x: Any, w: Any) -> tuple[Any, Any, Any]:
        x, w = x.requires_grad_(), w.requires_grad_()
        y = functional.batch_norm(convolve(x, w), None, None, training=True)
        # A weighted sum: the plain sum of a normalised batch is always zero.
        (y * y.detach().cos()).sum().backward()
        return y.detach(), x.grad, w.grad

    wants = run(reference, images.double(), weights.double())
    worst: Result | None = None
    for layout in ("contiguous_format", "channels_last"):
        memory = {"memory_format": getattr(torch, layout)}
        x = bench.put(images.clone()).contiguous(**memory)
        w = bench.put(weights.clone()).contiguous(**memory)
        with strict_math(torch):
            gots = run(conv or reference, x, w)
        for what, got, want, limit in (
            ("output", gots[0], wants[0], CONV_LIMIT),
            ("gradient of the images", gots[1], wants[1], GRADIENT_LIMIT),
            ("gradient of the weights", gots[2], wants[2], GRADIENT_LIMIT),
        ):
            result = judge(error_of(bench.back(got), want), limit, f"{what}, {layout}")
            if result.status != "pass":
                return result
            if worst is None or result.value / limit.norm > worst.value / (worst.threshold or 1):
                worst = result
    assert worst is not None  # noqa: S101 - the loops above ran
    library = f"cuDNN {torch.backends.cudnn.version()}" if bench.kind == "cuda" else "convolution"
    return worst._replace(detail=f"{library} and batch norm, forward and backward, two layouts")


def check_fft(bench: Bench, transform: Callable[[Any], Any] | None = None) -> Result:
    """Transform 64 signals of 4096 points there and back."""
    torch = bench.torch
    transform = transform or torch.fft.rfft
    signals = bench.normal(64, 4096, seed=80)
    spectrum = transform(bench.put(signals))
    got = torch.view_as_real(bench.back(spectrum))
    want = torch.view_as_real(torch.fft.rfft(signals.double()))
    result = judge(error_of(got, want), Limit(1e-5, 1e-5), "rfft of 64x4096 against float64")
    if result.status != "pass":
        return result
    again = bench.back(torch.fft.irfft(spectrum, n=4096))
    back = judge(error_of(again, signals.double()), Limit(1e-5, 1e-5), "irfft back to the signal")
    return back if back.status != "pass" else result._replace(detail="rfft and irfft of 64x4096")


def check_linalg(bench: Bench, operations: Mapping[str, Callable[..., Any]] | None = None) -> Result:
    """Factor a 256x256 matrix five ways and judge what is left over."""
    torch = bench.torch
    linalg = torch.linalg
    do: dict[str, Callable[..., Any]] = {
        "cholesky": linalg.cholesky,
        "solve": linalg.solve,
        "eigh": linalg.eigh,
        "svd": lambda m: linalg.svd(m, full_matrices=False),
        "qr": linalg.qr,
        **(operations or {}),
    }
    a = bench.normal(256, 256, seed=81)
    spd = a @ a.T / 256 + torch.eye(256)
    b = bench.normal(256, 8, seed=82)
    on_a, on_spd, on_b = bench.put(a), bench.put(spd), bench.put(b)

    def host(tensors: Any) -> list[Any]:
        return [bench.back(tensor).double() for tensor in tensors]

    def left_over(gap: Any, scale: Any) -> float:
        return float(gap.norm() / scale.norm())

    with strict_math(torch):
        (lower,) = host([do["cholesky"](on_spd)])
        (x,) = host([do["solve"](on_spd, on_b)])
        values, vectors = host(do["eigh"](on_spd))
        u, s, vh = host(do["svd"](on_a))
        q, r = host(do["qr"](on_a))
    spd64, a64, eye = spd.double(), a.double(), torch.eye(256, dtype=torch.float64)
    found = {
        "cholesky": (left_over(lower @ lower.T - spd64, spd64), 1e-5),
        "lower triangle": (left_over(lower.triu(1), spd64), 1e-5),
        "solve": (left_over(spd64 @ x - b.double(), b), 1e-5),
        "eigh": (left_over(vectors @ torch.diag(values) @ vectors.T - spd64, spd64), 1e-4),
        "eigenvectors": (left_over(vectors.T @ vectors - eye, eye), 1e-4),
        "svd": (left_over(u @ torch.diag(s) @ vh - a64, a64), 1e-4),
        "singular vectors": (left_over(u.T @ u - eye, eye), 1e-4),
        "qr": (left_over(q @ r - a64, a64), 1e-4),
        "orthogonal q": (left_over(q.T @ q - eye, eye), 1e-4),
    }
    for name, (error, limit) in found.items():
        if not error <= limit:
            text = f"{name}: {error:.1e} is left over, above {limit:.0e}"
            return Result("fail", error, "relative", limit, text, "wrong-results")
    name, (error, limit) = max(found.items(), key=lambda item: item[1][0] / item[1][1])
    return Result("pass", error, "relative", limit, f"cholesky, solve, eigh, svd, qr of 256x256; worst: {name}")


def check_sparse(bench: Bench, product: Callable[[Any, Any], Any] | None = None) -> Result:
    """Multiply a sparse CSR matrix with a dense one."""
    torch = bench.torch
    product = product or torch.sparse.mm
    dense = bench.normal(512, 512, seed=83)
    dense[bench.normal(512, 512, seed=84).abs() < 1.5] = 0.0  # noqa: PLR2004 - keeps about 13 %
    right = bench.normal(512, 64, seed=85)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls its CSR support beta on first use
        got = bench.back(product(bench.put(dense).to_sparse_csr(), bench.put(right)))
    return judge(error_of(got, dense.double() @ right.double()), Limit(1e-5, 1e-5), "512x512 CSR times dense")


ATTENTION = {"fp32": Limit(1e-5, 1e-4), "fp16": Limit(2e-3, 8e-3), "bf16": Limit(1e-2, 4e-2)}


def check_sdpa(bench: Bench, attention: Callable[..., Any] | None = None) -> Result:
    """Run scaled dot-product attention in each backend that takes the inputs, against float64."""
    torch = bench.torch
    attend = attention or torch.nn.functional.scaled_dot_product_attention
    q, k, v = (bench.normal(2, 4, 128, 64, seed=seed) for seed in (86, 87, 88))
    ran: list[str] = []
    worst: Result | None = None
    for name, limit in ATTENTION.items():
        if name == "fp16" and bench.kind == "cpu":
            continue
        dtype = bench.dtype(name)
        cast = [tensor.to(dtype) for tensor in (q, k, v)]
        for causal in (False, True):
            want = attention_by_hand(torch, [tensor.double() for tensor in cast], causal)
            for backend, context in attention_backends(torch):
                try:
                    with context, warnings.catch_warnings(), strict_math(torch):
                        warnings.simplefilter("ignore")
                        got = bench.back(attend(*map(bench.put, cast), is_causal=causal))
                except RuntimeError as error:
                    if "No available kernel" in str(error) or "no viable backend" in str(error).lower():
                        continue
                    raise
                what = f"{backend} {name}{' causal' if causal else ''}"
                result = judge(error_of(got, want), limit, what)
                if result.status != "pass":
                    return result
                ran.append(what)
                if worst is None or result.value / limit.norm > worst.value / (worst.threshold or 1):
                    worst = result
    if worst is None:
        raise Skip("no attention backend takes these inputs")
    return worst._replace(detail=f"{len(ran)} combinations; worst: {worst.detail}")


def attention_by_hand(torch: Any, inputs: Sequence[Any], causal: bool) -> Any:
    """Compute attention from its definition; the inputs are queries, keys and values."""
    q, k, v = inputs
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        scores = scores.masked_fill(mask, float("-inf"))
    return scores.softmax(-1) @ v


def attention_backends(torch: Any) -> list[tuple[str, Any]]:
    """List the attention backends that can be chosen one by one; torch before 2.3 gets only its own choice."""
    attention = getattr(torch.nn, "attention", None)
    if attention is None or not hasattr(attention, "SDPBackend"):
        return [("default", contextlib.nullcontext())]
    names = ("MATH", "FLASH_ATTENTION", "EFFICIENT_ATTENTION", "CUDNN_ATTENTION")
    known = [(name, getattr(attention.SDPBackend, name, None)) for name in names]
    return [(name.lower(), attention.sdpa_kernel(backend)) for name, backend in known if backend is not None]


# --------------------------------------------------------------------------------------------------
# Training
# --------------------------------------------------------------------------------------------------

LINREG_LOSS, LINREG_GAP, LINREG_STEPS, LINREG_BLOCK = 1e-6, 1e-3, 200, 20


def check_train_linreg(bench: Bench, forward: Callable[[Any, Any, Any], Any] | None = None) -> Result:
    """Learn y = 2x + 1 by gradient descent; the loss must fall all the way and the answer be right."""
    torch = bench.torch
    forward = forward or (lambda x, w, b: x * w + b)
    x = bench.put(torch.linspace(-1, 1, 256))
    y = 2 * x + 1
    w = torch.zeros(1, device=bench.device, requires_grad=True)
    b = torch.zeros(1, device=bench.device, requires_grad=True)
    losses = []
    # Written out: torch.optim loads the compiler, which takes longer than the whole check.
    for step in range(LINREG_STEPS):
        loss = ((forward(x, w, b) - y) ** 2).mean()
        w.grad = b.grad = None
        loss.backward()
        with torch.no_grad():
            for parameter in (w, b):
                if parameter.grad is not None:
                    parameter.sub_(0.1 * parameter.grad)
        if step % LINREG_BLOCK == 0:
            losses.append(float(loss.detach().to("cpu")))
    last = float(((forward(x, w, b) - y) ** 2).mean().detach().to("cpu"))
    losses.append(last)
    found = (
        f"w {float(w.detach().to('cpu')):.4f}, b {float(b.detach().to('cpu')):.4f}, loss {losses[0]:.2f} to {last:.1e}"
    )
    falling = all(later < earlier for earlier, later in zip(losses, losses[1:]))  # noqa: B905, RUF007 - Python 3.9 has neither
    gap = max(abs(float(w.detach().to("cpu")) - 2), abs(float(b.detach().to("cpu")) - 1))
    if not (falling and last < LINREG_LOSS and gap < LINREG_GAP):
        return Result("fail", last, "loss", LINREG_LOSS, f"y = 2x + 1 was not learned: {found}", "wrong-results")
    return Result("pass", last, "loss", LINREG_LOSS, f"y = 2x + 1 learned: {found}")


CNN_LOSS, CNN_ACCURACY, CNN_CLASSES = 0.7, 0.95, 10


def patches(bench: Bench, count: int) -> tuple[Any, Any]:
    """Make images of noise, shaped like MNIST, with a bright patch at one of ten places: the label."""
    torch = bench.torch
    labels = torch.arange(count) % CNN_CLASSES
    images = 0.3 * bench.normal(count, 1, 28, 28, seed=90)
    for index, label in enumerate(labels.tolist()):
        row, column = 3 + 12 * (label // 5), 1 + 5 * (label % 5)
        images[index, 0, row : row + 6, column : column + 5] += 2.0
    return images, labels


def check_train_cnn(bench: Bench, step: Callable[[Any, Any], None] | None = None) -> Result:
    """Train a small convolutional network on made-up images with Adam until it knows the labels."""
    torch = bench.torch
    nn = torch.nn
    torch.manual_seed(91)
    images, labels = patches(bench, 512)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, CNN_CLASSES),
    )
    model = model.to(bench.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = bench.put(images), bench.put(labels)

    def usual(loss: Any, chosen: Any) -> None:
        loss.backward()
        chosen.step()

    step = step or usual
    losses = []
    for epoch in range(3):
        order = torch.randperm(len(labels), generator=bench.generator(92 + epoch))
        for chosen in order.split(64):
            picked = bench.put(chosen)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[picked]), y[picked])
            step(loss, optimizer)
            losses.append(float(loss.detach().to("cpu")))
    with torch.no_grad():
        accuracy = float((model(x).argmax(1) == y).float().mean().to("cpu"))
    last = sum(losses[-8:]) / 8
    text = f"loss {losses[0]:.2f} to {last:.2f}, accuracy {accuracy:.3f}"
    if not (last < CNN_LOSS and accuracy > CNN_ACCURACY):
        return Result("fail", accuracy, "accuracy", CNN_ACCURACY, f"not learned: {text}", "wrong-results")
    return Result("pass", accuracy, "accuracy", CNN_ACCURACY, text)


def check_determinism(bench: Bench, product: Callable[[Any, Any], Any] | None = None) -> Result:
    """Compute the same thing ten times in deterministic mode; every bit must be the same."""
    torch = bench.torch
    product = product or (lambda x, w: torch.nn.functional.gelu(x @ w).sum(0))
    x, w = bench.put(bench.normal(1024, 1024, seed=95)), bench.put(bench.normal(1024, 1024, seed=96))
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    try:
        runs = [bench.back(product(x, w)) for _ in range(10)]
    finally:
        torch.use_deterministic_algorithms(before)
    different = sum(not torch.equal(runs[0], run) for run in runs[1:])
    if different:
        text = f"{different} of 9 repetitions differ in deterministic mode"
        return Result("fail", different, "different runs", 0, text, "wrong-results")
    return Result("pass", 0, "different runs", 0, "ten runs, equal bit for bit")


# --------------------------------------------------------------------------------------------------
# Packages that are built for one torch
# --------------------------------------------------------------------------------------------------

COMPANIONS = ("numpy", "torchvision", "torchaudio", "triton", "xformers", "flash_attn", "bitsandbytes")


def installed_companions() -> list[str]:
    """Name the companions that are installed, without importing them."""
    return [name for name in COMPANIONS if importlib.util.find_spec(name)]


def check_companions(bench: Bench) -> Result:
    """Import each companion that is installed, and let torchvision and numpy work with torch."""
    torch = bench.torch
    found = installed_companions()
    said = []
    for name in found:
        try:
            module = importlib.import_module(name)
            if name == "torchvision":
                boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [1.0, 1.0, 11.0, 11.0], [20.0, 20.0, 30.0, 30.0]])
                scores = torch.tensor([0.9, 0.8, 0.7])
                kept = module.ops.nms(bench.put(boxes), bench.put(scores), 0.5)
                if bench.back(kept).tolist() != [0, 2]:
                    return Result("fail", detail=f"torchvision.ops.nms kept {kept.tolist()}", hint="wrong-results")
            if name == "numpy" and torch.from_numpy(module.arange(3)).sum().item() != 3:  # noqa: PLR2004 - 0 + 1 + 2
                return Result("fail", detail="numpy arrays do not arrive in torch", hint="numpy2-abi")
        except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
            text = f"{name}: {type(error).__name__}: {first_line(str(error))}"
            return Result("fail", name, detail=text, hint=cause_of(str(error)) or "companion-broken")
        said.append(f"{name} {getattr(module, '__version__', '')}".strip())
    return Result("pass", len(found), "packages", None, ", ".join(said))


# --------------------------------------------------------------------------------------------------
# The list of checks
# --------------------------------------------------------------------------------------------------


class Spec(NamedTuple):
    """One check: its time limit in seconds, and the kinds of devices it runs on (none: once in all).

    `hindrance` is asked before a worker is bothered; it gives the reason to skip the check, or "".
    """

    id: str
    level: str
    run: Callable[[Bench], Result]
    kinds: tuple[str, ...] = ()
    seconds: float = 60.0
    group: str = "core"
    hindrance: Callable[[], str] = lambda: ""


ALL = ("cpu", "cuda", "hip", "xpu", "mps")
GPUS = ("cuda", "hip", "xpu", "mps")


def exact_spec(name: str) -> Spec:
    """Make the exact check of one dtype."""
    return Spec(f"exact-{name}", "quick", lambda bench: check_exact(bench, name), ALL)


def matmul_spec(name: str) -> Spec:
    """Make the matmul check of one dtype."""
    kinds = {"tf32": ("cuda",), "fp64": ("cuda", "hip", "xpu")}.get(name, ALL)
    return Spec(f"matmul-{name}", "quick", lambda bench: check_matmul(bench, name), kinds, 120.0)


CHECKS: tuple[Spec, ...] = (
    Spec("build", "quick", check_build),
    Spec("visible", "quick", check_visible, seconds=400.0),
    Spec("arch", "quick", check_arch, ("cuda", "hip")),
    Spec("alloc", "quick", check_alloc, ALL),
    Spec("copy", "quick", check_copy, ALL),
    *map(exact_spec, ("fp32", "fp16", "bf16", "fp64")),
    Spec("exact-int", "quick", check_exact_int, ALL),
    *map(matmul_spec, ("fp32", "tf32", "fp16", "bf16", "fp64")),
    Spec("elementwise", "quick", check_elementwise, ALL),
    Spec("reduce", "quick", check_reduce, ALL),
    Spec("sort", "quick", check_sort, ALL),
    Spec("rng", "quick", check_rng, ALL),
    Spec("cudnn", "quick", check_conv, ("cuda",)),
    Spec("conv", "quick", check_conv, ("cpu", "hip", "xpu", "mps")),
    Spec("train-linreg", "quick", check_train_linreg, ALL),
    Spec("fft", "standard", check_fft, ALL),
    Spec("linalg", "standard", check_linalg, ("cpu", "cuda", "hip", "xpu")),
    Spec("sparse", "standard", check_sparse, ("cpu", "cuda", "hip", "xpu")),
    Spec("sdpa", "standard", check_sdpa, ALL),
    Spec("determinism", "standard", check_determinism, ("cpu", "cuda", "hip", "xpu")),
    Spec("train-cnn", "standard", check_train_cnn, ALL, 180.0),
    Spec(
        "companions",
        "quick",
        check_companions,
        ALL,
        seconds=120.0,
        group="companions",
        hindrance=lambda: "" if installed_companions() else "no companion package is installed",
    ),
)
BY_ID = {spec.id: spec for spec in CHECKS}


def chosen_checks(level: str, only: Sequence[str] = ()) -> list[Spec]:
    """List the checks of a level, which hold those of the lower ones."""
    allowed = LEVELS[: LEVELS.index(level) + 1]
    return [spec for spec in CHECKS if spec.level in allowed and (not only or spec.id in only)]


# --------------------------------------------------------------------------------------------------
# The worker process: the only one that imports torch
# --------------------------------------------------------------------------------------------------

STICKY = re.compile(
    r"(CUDA|HIP|cuDNN|CUBLAS|NCCL)[ _]?error|device-side assert|unspecified launch failure", re.IGNORECASE
)


def work(wishes: Wishes) -> int:
    """Answer one request per line: {"check", "device", "kind", "level"} in, a result out, until input ends."""
    # Libraries print to standard output when they please: the answers get a channel of their own.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii", newline="\n")
    os.dup2(2, 1)
    faulthandler.enable()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic cuBLAS asks for
    torch: Any = None
    for line in requests_until_orphaned():
        request = json.loads(line)
        start = time.perf_counter()
        faulthandler.dump_traceback_later(max(request["seconds"] - 1.0, 0.2), exit=False)
        sticky = False
        if request["check"] == "import":
            result, torch = check_import(wishes)
        else:
            try:
                torch = torch or load_torch()
                start = time.perf_counter()
                bench = Bench(torch, request["device"], request["kind"], wishes.level, wishes)
                result = BY_ID[request["check"]].run(bench)
                if result.status == "pass":
                    bench.wait()
            except Skip as reason:
                result = Result("skip", detail=str(reason))
            except Exception as error:  # noqa: BLE001 - whatever a check raises is its finding
                result, sticky = result_of(error, torch, request)
        faulthandler.cancel_dump_traceback_later()
        answer = {**result._asdict(), "seconds": round(time.perf_counter() - start, 3), "sticky": sticky}
        answers.write(ANSWER + json.dumps(answer) + "\n")
        answers.flush()
    return STATUS_OK


def requests_until_orphaned() -> Iterator[str]:
    """Give the requests; when their source ends, leave at once, even in the middle of a check."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(STATUS_OK)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield lines.get()


def result_of(error: Exception, torch: Any, request: Mapping[str, Any]) -> tuple[Result, bool]:
    """Turn an exception inside a check into a result, and tell whether the device is lost for this process."""
    text = f"{type(error).__name__}: {error}"
    sticky = bool(STICKY.search(text)) or type(error).__name__ == "AcceleratorError"
    cause = cause_of(text)
    if NO_KERNEL in text and request["kind"] == "cuda":
        index = int(request["device"].partition(":")[2] or 0)
        cause = cause_of_missing_kernel(torch.cuda.get_device_capability(index), torch.cuda.get_arch_list())
    if isinstance(error, MemoryError) or "OutOfMemoryError" in type(error).__name__ or cause == "device-memory-full":
        # Too little free memory says nothing about whether the device computes right.
        return Result("error", detail=f"too little free memory: {first_line(text)}", hint="device-memory-full"), sticky
    spot = traceback.extract_tb(error.__traceback__)[-1]
    detail = f"{first_line(text)} (in {spot.name}, line {spot.lineno} of {Path(spot.filename).name})"
    return Result("fail", detail=detail, hint=cause or "operation-failed"), sticky


def first_line(text: str) -> str:
    """Give the first line of a text that says something."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


# --------------------------------------------------------------------------------------------------
# The parent process: hands out checks, watches the clock, writes the report
# --------------------------------------------------------------------------------------------------


class Worker:
    """A worker process as the parent sees it; it is started when needed and replaced when it died."""

    def __init__(self, arguments: Sequence[str], scale: float) -> None:
        self.arguments = list(arguments)
        self.scale = scale
        self.process: subprocess.Popen[str] | None = None
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.errors: Any = None

    def ask(self, check: str, device: str, kind: str, seconds: float) -> dict[str, Any]:
        """Run one check and give its answer; a death or a hang is an answer too."""
        limit = seconds * self.scale
        if self.process is None:
            self.start()
            limit = max(limit, seconds * self.scale + IMPORT_SECONDS * self.scale) if check != "import" else limit
        process = self.process
        assert process is not None  # noqa: S101 - start() has set it
        assert process.stdin is not None  # noqa: S101 - start() asked for a pipe
        request = {"check": check, "device": device, "kind": kind, "seconds": limit}
        start = time.perf_counter()
        try:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            line = self.lines.get(timeout=limit)
        except queue.Empty:
            self.stop()
            where = self.evidence()
            text = f"no answer within {limit:g} s" + (f"; it was in {where}" if where else "")
            return {**Result("timeout", detail=text, hint="check-hung")._asdict(), "seconds": limit}
        except OSError:
            line = None
        if line is None:
            # Its output has ended, so it is about to die by itself, and how it dies is the finding.
            status, cause = death_of(self.stop(grace=DYING_SECONDS))
            said = self.evidence()
            text = f"the process {status}" + (f"; {said}" if said else "")
            taken = round(time.perf_counter() - start, 3)
            return {**Result("fail", detail=text, hint=cause_of(said) or cause)._asdict(), "seconds": taken}
        answer: dict[str, Any] = json.loads(line)
        if answer.pop("sticky", False):
            self.stop()
        return answer

    def start(self) -> None:
        """Start the worker with its own process group, so that it can be ended with its children."""
        self.lines = queue.Queue()
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the worker
        options: dict[str, Any] = {} if sys.platform == "win32" else {"start_new_session": True}
        command = [sys.executable, *interpreter_flags(), os.path.abspath(__file__), "--worker", *self.arguments]  # noqa: PTH100 - a string is wanted
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            encoding="ascii",
            errors="replace",
            **options,
        )
        threading.Thread(target=self.read, args=(self.process.stdout, self.lines), daemon=True).start()

    @staticmethod
    def read(stream: Any, lines: queue.Queue[str | None]) -> None:
        """Pass on what the worker says; None is its end."""
        for line in stream:
            # Whatever runs when Python starts may print; only a whole line with the mark is an answer.
            if line.startswith(ANSWER) and line.endswith("\n"):
                lines.put(line[len(ANSWER) :])
        stream.close()
        lines.put(None)

    def stop(self, grace: float = 0.0) -> int:
        """End the worker with its children and give its status; `grace` lets it die by itself first."""
        process, self.process = self.process, None
        if process is None:
            return 0
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=grace)
        end_group(process)
        if process.stdin is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
        return process.wait()

    def evidence(self) -> str:
        """Give the last lines that the worker wrote to its standard error."""
        self.errors.seek(0)
        text = self.errors.read().decode("utf-8", "replace")
        return summarize_stderr(text)


def summarize_stderr(text: str) -> str:
    """Keep of a worker's last words what names the place: the top Python frames, else the last lines."""
    frames = re.findall(r'File "([^"]+)", line (\d+) in (\S+)', text.rpartition("most recent call first")[2])
    if frames:
        return " < ".join(f"{name} ({Path(path).name}:{line})" for path, line, name in frames[:3])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-EVIDENCE_LINES:])


def end_group(process: subprocess.Popen[str]) -> None:
    """Kill a worker with everything it started."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
        return
    # macOS answers PermissionError for a group of which only a zombie is left.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def interpreter_flags() -> list[str]:
    """Repeat the flags that decide which torch is found."""
    flags = {"-I": sys.flags.isolated, "-E": sys.flags.ignore_environment, "-s": sys.flags.no_user_site}
    return [flag for flag, on in flags.items() if on]


class Survey:
    """One run over all checks; `emit` gets each check as soon as it is done."""

    def __init__(self, options: argparse.Namespace, emit: Callable[[dict[str, Any]], None]) -> None:
        self.options = options
        self.emit = emit
        self.checks: list[dict[str, Any]] = []
        self.environment: dict[str, Any] = {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "variables": relevant_variables(os.environ),
        }
        self.devices: list[dict[str, Any]] = []
        self.worker = Worker(worker_arguments(options), options.timeout_scale)

    def run(self) -> dict[str, Any]:
        """Run everything and give the report."""
        try:
            self.checks_in_order()
        finally:
            self.worker.stop()
        facts = self.environment
        return {
            "schema": SCHEMA,
            "python": sys.executable,
            "level": self.options.level,
            "torch_version": facts.get("torch"),
            "variant": facts.get("variant"),
            "devices": [device["device"] for device in self.devices],
            "environment": {**facts, "devices": self.devices},
            "checks": self.checks,
            "verdict": verdict(self.checks),
        }

    def checks_in_order(self) -> None:
        """Import first; then what is asked once; then everything for each device."""
        specs = chosen_checks(self.options.level, self.options.only)
        imported = self.worker.ask("import", "cpu", "cpu", IMPORT_SECONDS)
        if imported["status"] in ("fail", "timeout"):
            explain_import(imported, os.environ)
        self.add("import", "quick", None, imported)
        if imported["status"] not in ("pass", "warn"):
            self.not_reached([(spec, None) for spec in specs], "torch could not be imported")
            return
        for name in ("build", "visible"):
            spec = BY_ID[name]
            answer = self.worker.ask(name, "cpu", "cpu", spec.seconds)
            self.devices = (answer.get("extra") or {}).get("devices", self.devices)
            self.add(name, spec.level, None, answer)
        if self.options.device:
            self.devices = [device for device in self.devices if device["device"] == self.options.device]
            if not self.devices and self.options.device == "cpu":
                self.devices = [{"device": "cpu", "kind": "cpu", "name": platform.machine()}]
        per_device = [spec for spec in specs if spec.kinds]
        if not self.devices:
            self.not_reached([(spec, None) for spec in per_device], "there is no device to test")
        for device in self.devices:
            self.test_device(device, [spec for spec in per_device if device["kind"] in spec.kinds])

    def test_device(self, device: Mapping[str, Any], specs: Sequence[Spec]) -> None:
        """Run the checks of one device; give up on it after a few crashes in a row."""
        crashes, group = 0, "core"
        for position, spec in enumerate(specs):
            hindrance = spec.hindrance()
            if hindrance:
                self.add(spec.id, spec.level, device["device"], skipped(hindrance))
                continue
            if spec.group != group:
                self.worker.stop()
                group = spec.group
            answer = self.worker.ask(spec.id, device["device"], device["kind"], spec.seconds)
            self.add(spec.id, spec.level, device["device"], answer)
            rest = [(later, device["device"]) for later in specs[position + 1 :]]
            if spec.id == "arch" and answer["status"] == "fail":
                self.not_reached(rest, "the build has no kernels for this GPU")
                return
            crashes = crashes + 1 if self.worker.process is None else 0
            if crashes >= MOST_CRASHES:
                self.not_reached(rest, f"{crashes} checks in a row ended the process")
                return

    def add(self, name: str, level: str, device: str | None, answer: dict[str, Any]) -> None:
        """Put one answer into the report."""
        extra = answer.pop("extra", None) or {}
        self.environment.update(extra.get("environment", {}))
        value = answer.get("value")
        if isinstance(value, float) and not math.isfinite(value):
            answer["value"] = str(value)
        if isinstance(value, int) and not isinstance(value, bool):
            answer["value"] = float(value)
        if answer.get("threshold") is not None:
            answer["threshold"] = float(answer["threshold"])
        check = {"id": name, "level": level, "gpu": device, **answer}
        if not self.options.no_scrub:
            check = scrub(check)
        self.checks.append(check)
        self.emit(check)

    def not_reached(self, pairs: Sequence[tuple[Spec, str | None]], reason: str) -> None:
        """Say of each check that it did not run, and why."""
        for spec, device in pairs:
            if spec.id not in {check["id"] for check in self.checks if check["gpu"] == device}:
                self.add(spec.id, spec.level, device, skipped(f"not reached: {reason}"))


def skipped(reason: str) -> dict[str, Any]:
    """Make the answer of a check that did not run."""
    return {**Result("skip", detail=reason)._asdict(), "seconds": 0.0}


def explain_import(answer: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Import torch again without one variable at a time; what makes it work is the cause."""
    for names, cause in (
        (("LD_LIBRARY_PATH",), "library-path-shadows"),
        (("LD_PRELOAD",), "library-path-shadows"),
        (("PYTHONPATH", "PYTHONHOME"), "python-path-shadows"),
    ):
        present = [name for name in names if environ.get(name)]
        if not present:
            continue
        clean = {name: value for name, value in environ.items() if name not in names}
        if ask_python(["import torch", "print(torch.__version__)"], clean):
            shown = ", ".join(f"{name}={environ[name]}" for name in present)
            answer["detail"] += f"; without {shown} it can be imported"
            if cause == "python-path-shadows" or answer["hint"] in (None, "torch-import-error", "native-crash"):
                answer["hint"] = cause
            return


VARIABLES = re.compile(
    r"(CUDA|NVIDIA|HIP|HSA|ROCR|ZE|SYCL|NCCL|PYTORCH|TORCH)_?\w*|LD_LIBRARY_PATH|LD_PRELOAD|PYTHON(PATH|HOME)|"
    r"OMP_NUM_THREADS|MKL_NUM_THREADS|VIRTUAL_ENV|CONDA_(PREFIX|DEFAULT_ENV)"
)
SECRET = re.compile(r"TOKEN|KEY|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)


def relevant_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Pick the variables that change how torch is found and runs; never a secret."""
    return {
        name: value for name, value in sorted(environ.items()) if VARIABLES.fullmatch(name) and not SECRET.search(name)
    }


def scrub(value: Any) -> Any:
    """Take out of a report what belongs to the person: the home folder, the host's name, GPU serials."""
    if isinstance(value, dict):
        return {key: scrub(item) for key, item in value.items()}
    if isinstance(value, list):
        return [scrub(item) for item in value]
    if isinstance(value, str):
        home = os.path.expanduser("~")  # noqa: PTH111 - a string is wanted
        if len(home) > 1:
            value = value.replace(home, "~")
        value = re.sub(r"GPU-[0-9a-fA-F-]{8,}", "GPU-...", value)
        host = platform.node()
        if host and host != "localhost":
            value = re.sub(rf"\b{re.escape(host)}\b", "<host>", value)
    return value


def verdict(checks: Sequence[Mapping[str, Any]]) -> str:
    """Judge a run: fail, not-run (nothing was computed on some device), degraded or pass."""
    if any(check["status"] in ("fail", "timeout") for check in checks):
        return "fail"
    exact = [check for check in checks if check["id"].startswith("exact-")]
    proved = {check["gpu"] for check in exact if check["status"] == "pass"}
    if not proved or proved != {check["gpu"] for check in checks if check["gpu"] is not None}:
        return "not-run"
    return "degraded" if any(check["status"] in ("warn", "error") for check in checks) else "pass"


# --------------------------------------------------------------------------------------------------
# Command line
# --------------------------------------------------------------------------------------------------


def arguments_of(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tensor_probe.py", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--level", choices=LEVELS, default="quick")
    parser.add_argument("--json", action="store_true", help="print one JSON object: the report")
    parser.add_argument("--json-lines", action="store_true", help="print each check as a JSON line, then the report")
    parser.add_argument("--expect-version", metavar="V", help="the torch version that was planned")
    parser.add_argument("--expect-variant", metavar="NAME", help="the build that was planned: cpu, cu126, rocm7.2, xpu")
    parser.add_argument(
        "--gpu-expected", choices=("auto", "yes", "no"), default="auto", help="auto looks at the PCI bus"
    )
    parser.add_argument("--device", metavar="D", help="test only this device, such as cuda:1 or cpu")
    parser.add_argument(
        "--only", action="append", default=[], choices=sorted(BY_ID), help="run only this check, repeatable"
    )
    parser.add_argument("--timeout-scale", type=float, default=1.0, metavar="X", help="stretch every time limit")
    parser.add_argument("--no-scrub", action="store_true", help="keep paths below home, host name and GPU serials")
    parser.add_argument("--list", action="store_true", help="list the checks of the level and stop")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if not options.timeout_scale > 0:
        parser.error("--timeout-scale must be above 0")
    return options


def worker_arguments(options: argparse.Namespace) -> list[str]:
    """Pass on to the worker what its checks need."""
    arguments = ["--level", options.level, "--gpu-expected", options.gpu_expected]
    for name in ("version", "variant"):
        value = getattr(options, f"expect_{name}")
        if value:
            arguments += [f"--expect-{name}", value]
    return arguments


def show(check: Mapping[str, Any]) -> str:
    """Write one check as a line of text."""
    where = f" [{check['gpu']}]" if check["gpu"] else ""
    measured = ""
    if isinstance(check["value"], float):
        measured = f" {check['value']:.3g}"
        if check["threshold"] is not None:
            measured += f" (limit {check['threshold']:.3g})"
        measured += f" {check['unit'] or ''}"
    hint = f" [{check['hint']}]" if check["hint"] else ""
    return f"{check['status']:7} {check['id']}{where}{measured.rstrip()}: {check['detail']}{hint}"


def main(argv: Sequence[str]) -> int:
    """Run the checks, print the report, give the exit status."""
    if sys.version_info < OLDEST_PYTHON:
        sys.stderr.write("tensor_probe.py needs Python 3.9 or newer\n")
        return STATUS_USAGE
    # The script's own folder must not be where modules are looked for.
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - compared as strings
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here or entry == ""]  # noqa: PTH100
    options = arguments_of(argv)
    if options.worker:
        return work(Wishes(options.level, options.expect_version, options.expect_variant, options.gpu_expected))
    if options.list:
        for spec in chosen_checks(options.level):
            print(f"{spec.id:14} {spec.level:9} {' '.join(spec.kinds) or 'once'}: {first_line(spec.run.__doc__ or '')}")
        return STATUS_OK

    def emit(check: dict[str, Any]) -> None:
        if options.json_lines:
            print(json.dumps({"check": check}), flush=True)
        elif not options.json:
            print(show(check), flush=True)

    report = Survey(options, emit).run()
    if not options.no_scrub:
        report = scrub(report)
    if options.json:
        print(json.dumps(report, indent=2))
    elif options.json_lines:
        print(json.dumps({"report": report}))
    else:
        print(f"verdict: {report['verdict']}")
    return STATUS_OK if report["verdict"] == "pass" else STATUS_NOT_PROVED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
