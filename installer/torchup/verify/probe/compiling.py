"""torch.compile and Triton, with empty caches."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path
from typing import Any, Callable

from .bench import Bench, strict_math
from .caches import fresh_caches
from .exact import first_difference
from .excerpts import first_line, short
from .result import Result, Skip
from .rounding import Limit, error_of, judge
from .sentences import say
from .symptoms import cause_of

# Triton raises GPUTooOldForTriton below (torch/_inductor/exc.py).
OLDEST_FOR_TRITON = (7, 0)
TRITON_ADD = """
import triton
import triton.language as tl

@triton.jit
def add(left, right, out, count, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    tl.store(out + at, tl.load(left + at, mask=inside) + tl.load(right + at, mask=inside), mask=inside)
"""


def check_compile(bench: Bench, compiler: Callable[[Any], Any] | None = None) -> Result:
    """Compile a small network, forward and backward, with an empty cache; it must agree with eager and be compiled."""
    torch = bench.torch
    if not hasattr(torch, "compile"):
        raise Skip(say("this torch has no torch.compile"))
    if bench.kind == "cuda" and bench.capability() < OLDEST_FOR_TRITON:
        raise Skip(say("Triton, which torch.compile needs, supports compute capability 7.0 and above"))
    nn = torch.nn
    torch.manual_seed(110)
    model = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 32), nn.Tanh()).to(bench.device)
    x = bench.put(bench.normal(50, 64, seed=111))

    def run(network: Any) -> list[Any]:
        model.zero_grad()
        y = network(x)
        (y * y).mean().backward()
        return [bench.back(y), *(bench.back(parameter.grad).clone() for parameter in model.parameters())]

    with fresh_caches() as folder, strict_math(torch):
        wants = run(model)
        try:
            gots = run((compiler or torch.compile)(model))
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            if re.search(r"(Python [\d.+]+|Windows) (is )?not (yet )?supported", text):
                raise Skip(say("torch.compile: {error}", error=first_line(str(error)))) from error
            detail = say("torch.compile: {error}", error=short(text))
            return Result("fail", detail=detail, hint=cause_of(text) or "compile-failed")
        for number, (got, want) in enumerate(zip(gots, wants)):  # noqa: B905 - Python 3.9 has no strict
            what = say("compiled, gradients") if number else say("compiled, output")
            result = judge(error_of(got, want.double()), Limit(1e-5, 1e-5), what)
            if result.status != "pass":
                return result
        made = compiled_files(folder)
        if bench.kind in ("cuda", "hip", "xpu"):
            if not made["triton"]:
                text = say("torch.compile agrees with eager but used no Triton kernel")
                return Result("fail", 0, "kernels", 1, text, "compile-failed")
            text = say("{count} Triton kernels, forward and backward", count=made["triton"])
            if importlib.util.find_spec("triton"):
                wrong = triton_adds_wrong(bench, folder)
                if wrong:
                    return Result("fail", detail=wrong, hint="wrong-results")
                text = say("{what}, and one written by hand", what=text)
            return Result("pass", made["triton"], "kernels", 1, text)
        if not made["native"]:
            text = say("torch.compile agrees with eager but compiled nothing")
            return Result("fail", 0, "kernels", 1, text, "compile-failed")
        text = say("{count} compiled, forward and backward", count=made["native"])
        return Result("pass", made["native"], "kernels", 1, text)


def compiled_files(folder: str) -> dict[str, int]:
    """Count what the compilers left: machine code by Triton for a GPU, libraries for a CPU."""
    names = [path.suffix for path in Path(folder).rglob("*") if path.is_file()]
    return {
        "triton": sum(suffix in (".cubin", ".hsaco", ".spv", ".zebin") for suffix in names),
        "native": sum(suffix in (".so", ".pyd", ".dll", ".dylib") for suffix in names),
    }


def triton_adds_wrong(bench: Bench, folder: str) -> str | None:
    """Run a Triton kernel written by hand; tell what is wrong with it, None when nothing is."""
    path = Path(folder) / "probe_triton_add.py"
    path.write_text(TRITON_ADD, encoding="ascii")  # Triton reads the source of its kernels from a file
    spec = importlib.util.spec_from_file_location("probe_triton_add", path)
    assert spec is not None  # noqa: S101 - a .py file always has one
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    left, right = (bench.put(bench.whole(-999, 999, (1000,), seed=seed).float()) for seed in (112, 113))
    out = bench.torch.zeros_like(left)
    module.add[(4,)](left, right, out, 1000, BLOCK=256)
    difference = first_difference(bench.torch, bench.back(out), bench.back(left + right).long())
    return difference and say("a Triton kernel that adds: {problem}", problem=difference)


def hindrance_of_compile() -> str:
    """Tell why torch.compile cannot be tried here; empty when it can."""
    if sys.platform == "win32" and not importlib.util.find_spec("triton") and not shutil.which("cl"):
        return say("neither Triton nor a C++ compiler is installed (windows-triton-missing)")
    return ""
