"""What a check works on: a device with its torch, and what was wished."""

from __future__ import annotations

import contextlib
import importlib
import warnings
from typing import Any, Iterator, Mapping, NamedTuple, Sequence

SOAK_SECONDS = 300.0
MIB = 1 << 20


class Wishes(NamedTuple):
    """What the installation should be; None and "auto" mean that nobody said."""

    level: str = "quick"
    version: str | None = None
    variant: str | None = None
    gpu_expected: str = "auto"
    device: str | None = None
    soak_seconds: float = SOAK_SECONDS
    timeout_scale: float = 1.0


class Bench(NamedTuple):
    """One device with the torch that drives it; `kind` is cpu, cuda, hip, xpu or mps.

    `devices` are those of a check that uses several at once; `notes` is what earlier checks of the device left.
    """

    torch: Any
    device: str = "cpu"
    kind: str = "cpu"
    level: str = "quick"
    wishes: Wishes = Wishes()
    devices: tuple[str, ...] = ()
    notes: Mapping[str, Any] = {}

    def choose(self) -> None:
        """Make the device the current one: events, streams and graphs take no other."""
        if hasattr(self.api, "set_device"):
            self.api.set_device(index_of(self.device))

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
    "fp8": "float8_e4m3fn",
}


def index_of(device: str) -> int:
    """Give the number in a device's name: 1 of cuda:1, 0 of mps."""
    return int(device.partition(":")[2] or 0)


def load_torch() -> Any:
    """Import torch; only a worker process may call this."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("torch")


def has(owner: Any, name: str) -> bool:
    """Tell whether a switch is there; those of torch before 2.1 raise AssertionError in place of AttributeError."""
    try:
        getattr(owner, name)
    except (AttributeError, AssertionError):
        return False
    return True


@contextlib.contextmanager
def strict_math(torch: Any, tf32: bool = False) -> Iterator[None]:
    """Compute in full precision (or TF32 where asked), whatever the defaults are, and put them back."""
    switches: list[tuple[Any, str, Any]] = []
    matmul = torch.backends.cuda.matmul
    mode = "tf32" if tf32 else "ieee"
    if has(matmul, "fp32_precision"):
        # torch 2.9 and newer complains when the old and the new switch are mixed.
        switches += [(matmul, "fp32_precision", mode), (torch.backends.cudnn.conv, "fp32_precision", mode)]
    else:
        switches += [(matmul, "allow_tf32", tf32), (torch.backends.cudnn, "allow_tf32", tf32)]
    switches += [
        (matmul, name, False)
        for name in ("allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction")
        if has(matmul, name)
    ]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in switches]
    try:
        for owner, name, value in switches:
            setattr(owner, name, value)
        yield
    finally:
        for owner, name, value in before:
            setattr(owner, name, value)
