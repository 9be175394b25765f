"""The list of checks."""

from __future__ import annotations

from typing import Callable, NamedTuple, Sequence

from .algebra import check_fft, check_linalg, check_sparse
from .arch import check_arch
from .bench import Bench
from .build import check_build
from .collectives import check_collectives
from .companions import check_companions, installed_companions
from .compiling import check_compile, hindrance_of_compile
from .convolution import check_conv
from .data_parallel import check_ddp
from .determinism import check_determinism
from .elements import check_elementwise, check_reduce, check_rng, check_sort
from .exact import check_exact, check_exact_int
from .extension import check_extension, hindrance_of_extension
from .graph import check_graph
from .health import check_health
from .layers import check_linear, check_sdpa
from .matmul import check_matmul
from .memory import check_alloc, check_copy
from .mixed_precision import check_amp
from .pcie import check_pcie
from .peer_copies import check_p2p
from .pressure import check_memtest, check_oom
from .result import Result
from .sentences import say
from .soak import check_soak
from .speed import check_membw, check_tflops, check_tflops_single
from .throttle import check_throttle
from .training import check_train_cnn, check_train_linreg
from .visible import check_visible

LEVELS = ("quick", "standard", "full")


class Spec(NamedTuple):
    """One check: its time limit in seconds, and the kinds of devices it runs on (none: once in all).

    `hindrance` is asked before a worker is bothered; it gives the reason to skip the check, or "".
    """

    id: str
    level: str
    run: Callable[[Bench], Result]
    kinds: tuple[str, ...] = ()
    # A limit finds hangs, it is no budget: the first use of a library reads hundreds of megabytes.
    seconds: float = 120.0
    group: str = "core"
    hindrance: Callable[[], str] = lambda: ""
    # The fewest devices that a check of several at once needs; 0: it runs on each device by itself.
    together: int = 0
    last: bool = False


ALL = ("cpu", "cuda", "hip", "xpu", "mps")
GPUS = ("cuda", "hip", "xpu", "mps")


def exact_spec(name: str) -> Spec:
    """Make the exact check of one dtype."""
    kinds = ("cuda", "hip") if name == "fp8" else ALL
    return Spec(f"exact-{name}", "quick", lambda bench: check_exact(bench, name), kinds)


def matmul_spec(name: str) -> Spec:
    """Make the matmul check of one dtype."""
    kinds = {"tf32": ("cuda",), "fp8": ("cuda", "hip"), "fp64": ("cuda", "hip", "xpu")}.get(name, ALL)
    return Spec(f"matmul-{name}", "quick", lambda bench: check_matmul(bench, name), kinds)


NVIDIA_AMD = ("cuda", "hip")
MOST = ("cpu", "cuda", "hip", "xpu")

CHECKS: tuple[Spec, ...] = (
    Spec("build", "quick", check_build),
    Spec("visible", "quick", check_visible, seconds=400.0),
    Spec("health", "quick", check_health, NVIDIA_AMD),
    Spec("arch", "quick", check_arch, NVIDIA_AMD),
    Spec("alloc", "quick", check_alloc, ALL),
    Spec("copy", "quick", check_copy, ALL),
    *map(exact_spec, ("fp32", "fp16", "bf16", "fp8", "fp64")),
    Spec("exact-int", "quick", check_exact_int, ALL),
    *map(matmul_spec, ("fp32", "tf32", "fp16", "bf16", "fp8", "fp64")),
    Spec("elementwise", "quick", check_elementwise, ALL),
    Spec("reduce", "quick", check_reduce, ALL),
    Spec("sort", "quick", check_sort, ALL),
    Spec("rng", "quick", check_rng, ALL),
    # cuDNN is read from a cold disk or network, past a virus scanner; MIOpen compiles its kernels when they are first used.
    Spec("cudnn", "quick", check_conv, ("cuda",), 300.0),
    Spec("conv", "quick", check_conv, ("cpu", "hip", "xpu", "mps"), 300.0),
    Spec("train-linreg", "quick", check_train_linreg, ALL),
    Spec("fft", "standard", check_fft, MOST),
    Spec("linalg", "standard", check_linalg, MOST),
    Spec("sparse", "standard", check_sparse, MOST),
    Spec("linear", "standard", check_linear, ALL),
    Spec("sdpa", "standard", check_sdpa, ALL),
    Spec("determinism", "standard", check_determinism, MOST),
    Spec("train-cnn", "standard", check_train_cnn, ALL, 180.0),
    Spec("amp", "standard", check_amp, MOST, 180.0),
    Spec("graph", "standard", check_graph, NVIDIA_AMD),
    Spec("pcie", "standard", check_pcie, NVIDIA_AMD),
    Spec("membw", "standard", check_membw, GPUS),
    Spec("tflops", "standard", check_tflops, GPUS, 180.0),
    Spec("tflops-fp32", "standard", check_tflops_single, GPUS),
    Spec("throttle", "standard", check_throttle, ("cuda",)),
    Spec("memtest", "full", check_memtest, NVIDIA_AMD, 600.0),
    # Running out of memory goes last of those that share a process.
    Spec("oom", "standard", check_oom, ("cuda", "hip", "mps")),
    Spec("compile", "standard", check_compile, MOST, 120.0, "compile", hindrance_of_compile),
    Spec("extension", "standard", check_extension, ("cuda",), 180.0, "extension", hindrance_of_extension),
    Spec(
        "companions",
        "quick",
        check_companions,
        ALL,
        group="companions",
        hindrance=lambda: "" if installed_companions() else say("no companion package is installed"),
    ),
    Spec("p2p", "standard", check_p2p, NVIDIA_AMD, 1500.0, "together", together=2),
    Spec("nccl", "standard", check_collectives, NVIDIA_AMD, 600.0, "together", together=2),
    Spec("gloo", "standard", check_collectives, ("cpu",), 300.0, "together", together=2),
    Spec("ddp", "standard", check_ddp, ("cpu", "cuda", "hip"), 300.0, "together", together=2),
    Spec("soak", "full", check_soak, MOST, 300.0, "together", together=1),
    Spec("health-after", "quick", check_health, NVIDIA_AMD, group="after", last=True),
)
BY_ID = {spec.id: spec for spec in CHECKS}


def chosen_checks(level: str, only: Sequence[str] = ()) -> list[Spec]:
    """List the checks of a level, which hold those of the lower ones."""
    allowed = LEVELS[: LEVELS.index(level) + 1]
    return [spec for spec in CHECKS if spec.level in allowed and (not only or spec.id in only)]
