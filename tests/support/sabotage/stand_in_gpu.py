"""GPUs that compute on the CPU, so that every line of the probe that drives a GPU runs without one.

STAND_IN_GPUS holds a JSON object: kind (cuda or hip), count, name, capability, gfx, nvml (what the driver
says, by function), faults (a list of what is broken). Time on such a GPU is made up from speeds that
are given here, so that what is measured on it does not depend on this machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

MIB = 1 << 20
WISHES: dict[str, Any] = {
    "kind": "cuda",
    "count": 2,
    "name": "NVIDIA H100 80GB HBM3",
    "capability": [9, 0],
    "gfx": "gfx942",
    "memory": 1600 * MIB,
    "nvml": {},
    "faults": [],
    "tflops": 760.0,
    "tflops_fp32": 50.0,
    "memory_speed": 2500.0,
    "link_speed": 55.0,
    **json.loads(os.environ.get("STAND_IN_GPUS", "{}")),
}
DEVICE = re.compile(r"(cuda|xpu|mps)(:\d+)?")

# What NVML answers for a sound H100 under load; each function gives these numbers to its output arguments.
NVML: dict[str, list[int]] = {
    "nvmlInit_v2": [],
    "nvmlDeviceGetCount_v2": [WISHES["count"]],
    "nvmlDeviceGetTotalEccErrors": [0],
    "nvmlDeviceGetRemappedRows": [0, 0, 0, 0],
    "nvmlDeviceGetComputeMode": [0],
    "nvmlDeviceGetMigMode": [0, 0],
    "nvmlDeviceGetPersistenceMode": [1],
    "nvmlDeviceGetTemperature": [54],
    "nvmlDeviceGetCurrentClocksEventReasons": [4],
    "nvmlDeviceGetClockInfo": [1755],
    "nvmlDeviceGetMaxClockInfo": [1980],
    "nvmlDeviceGetMemoryBusWidth": [5120],
    "nvmlDeviceGetCurrPcieLinkGeneration": [5],
    "nvmlDeviceGetCurrPcieLinkWidth": [16],
    "nvmlDeviceGetMaxPcieLinkWidth": [16],
    "nvmlDeviceGetP2PStatus": [0],
    **WISHES["nvml"],
}


class Library:
    """A C library whose functions fill their output arguments; one that is not listed is missing."""

    def __init__(self, functions: dict[str, list[int]]) -> None:
        self.functions = functions

    def __getattr__(self, name: str) -> Any:
        if name == "nvmlDeviceGetHandleByPciBusId_v2":
            return lambda address, handle: setattr(handle._obj, "value", int(address.decode()[5:7], 16))
        if name == "nvmlDeviceGetHandleByIndex_v2":
            return lambda index, handle: setattr(handle._obj, "value", index + 1)
        if name == "nvmlDeviceGetGpuFabricInfo":
            return self.fabric
        if name == "nvmlDeviceGetFieldValues":
            return self.field
        if name == "nvmlSystemGetConfComputeState":
            return self.confidential
        if name not in self.functions:
            raise AttributeError(name)
        return lambda *arguments: self.answer(name, arguments)

    def answer(self, name: str, arguments: tuple[Any, ...]) -> int:
        outputs = [argument._obj for argument in arguments if hasattr(argument, "_obj")]
        for output, value in zip(outputs, self.functions[name]):  # noqa: B905 - Python 3.9 has no strict
            output.value = value
        return 0

    def fabric(self, _handle: Any, info: Any) -> int:
        info._obj.state, info._obj.status = (*self.functions.get("fabric", [0]), 0)[:2]
        return 0

    def confidential(self, state: Any) -> int:
        state._obj.feature = self.functions.get("confidential", [0])[0]
        return 0

    def field(self, _handle: Any, _count: int, value: Any) -> int:
        value._obj.value = self.functions.get("recovery", [0])[0]
        return 0


class Driver:
    """libcuda, as far as it tells where on the bus a device is."""

    @staticmethod
    def cuInit(_flags: int) -> int:  # noqa: N802 - its name in cuda.h
        return 0

    @staticmethod
    def cuDeviceGet(device: Any, index: int) -> int:  # noqa: N802 - its name in cuda.h
        device._obj.value = index
        return 0

    @staticmethod
    def cuDeviceGetPCIBusId(text: Any, _size: int, device: Any) -> int:  # noqa: N802 - its name in cuda.h
        text.value = f"0000:{device.value + 1:02x}:00.0".encode()
        return 0


def stand_in_libraries() -> None:
    """Let ctypes load these in place of the driver's."""
    load = ctypes.CDLL

    def loaded(name: Any, *more: Any, **options: Any) -> Any:
        if "libnvidia-ml" in str(name) and WISHES["kind"] == "cuda" and "no-nvml" not in WISHES["faults"]:
            return Library(NVML)
        if str(name) == "libcuda.so.1" and WISHES["kind"] == "cuda":
            return Driver()
        return load(name, *more, **options)

    ctypes.CDLL = loaded  # type: ignore[misc,assignment]


class Clock:
    """The time on the stand-in, in seconds of the work that was given to it."""

    now = 0.0


class Event:
    def __init__(self, enable_timing: bool = False) -> None:
        self.at = 0.0

    def record(self) -> None:
        self.at = Clock.now

    def synchronize(self) -> None:
        pass

    def elapsed_time(self, other: Event) -> float:
        return (other.at - self.at) * 1000


def install(torch: Any) -> None:
    """Put the stand-in into a torch for the CPU."""
    recording: list[Any] = []

    def here(value: Any) -> Any:
        if isinstance(value, str) and DEVICE.fullmatch(value):
            return "cpu"
        if isinstance(value, torch.device) and value.type != "cpu":
            return torch.device("cpu")
        return value

    class OnTheCpu(torch.overrides.TorchFunctionMode):  # type: ignore[misc]  # torch comes as an argument
        def __torch_function__(self, function: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
            args, kwargs = tuple(map(here, args)), {name: here(value) for name, value in (kwargs or {}).items()}
            name = getattr(function, "__name__", "")
            if name == "matmul" and kwargs.get("out") is not None:
                # Only speed is measured like this, so that nothing needs to be computed.
                rate = WISHES["tflops_fp32" if args[0].dtype == torch.float32 else "tflops"]
                Clock.now += 2 * args[0].shape[0] ** 3 / rate / 1e12
                time.sleep(0.001)
                return kwargs["out"]
            if name == "copy_":
                size = args[0].numel() * args[0].element_size()
                by_link = kwargs.get("non_blocking")
                Clock.now += size / WISHES["link_speed"] / 1e9 if by_link else 2 * size / WISHES["memory_speed"] / 1e9
            if name == "empty" and args and isinstance(args[0], int) and args[0] > WISHES["memory"]:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate too much.")
            if name == "pin_memory":
                return args[0]
            result = function(*args, **kwargs)
            if recording and isinstance(result, torch.Tensor):
                recording[-1].steps.append((function, args, kwargs, result))
            return result

    OnTheCpu().__enter__()

    class Graph:
        def __init__(self) -> None:
            self.steps: list[Any] = []

        def replay(self) -> None:
            for function, args, kwargs, result in list(self.steps):
                torch.Tensor.copy_(result, function(*args, **kwargs))

    chosen, first_capture = [0], []

    @contextlib.contextmanager
    def capture(graph: Any, stream: Any = None) -> Iterator[None]:
        if stream is None:  # torch keeps the stream of the first device
            first_capture.append(chosen[-1])
            if first_capture[0] != chosen[-1]:
                raise RuntimeError("CUDA error: operation not permitted when stream is capturing")
        recording.append(graph)
        yield
        recording.pop()

    class Stream:
        def wait_stream(self, other: Any) -> None:
            pass

    moving = iter(range(10**9))
    cuda = torch.cuda
    for name, value in {
        "is_available": lambda: True,
        "device_count": lambda: WISHES["count"],
        "get_device_name": lambda _index=0: WISHES["name"],
        "get_device_capability": lambda _index=0: tuple(WISHES["capability"]),
        "get_device_properties": lambda _index=0: SimpleNamespace(
            total_memory=WISHES["memory"], multi_processor_count=132, gcnArchName=WISHES["gfx"] + ":sramecc+"
        ),
        "get_arch_list": lambda: ["sm_80", "sm_90", "sm_120", "gfx942"],
        "set_device": chosen.append,
        "synchronize": lambda _device=None: None,
        "empty_cache": lambda: None,
        # alloc asks before, while and after it holds 256 MiB.
        "mem_get_info": lambda _device=None: (WISHES["memory"] - (256 * MIB if next(moving) % 3 == 1 else 0),) * 2,
        "can_device_access_peer": lambda _one, _other: True,
        "Event": Event,
        "Stream": Stream,
        "current_stream": Stream,
        "stream": lambda _stream: contextlib.nullcontext(),
        "CUDAGraph": Graph,
        "graph": capture,
    }.items():
        setattr(cuda, name, value)
    torch.version.cuda, torch.version.hip = ("13.0", None) if WISHES["kind"] == "cuda" else (None, "7.2")
    torch.__version__ = torch.torch_version.TorchVersion(
        "2.13.0+cu130" if WISHES["kind"] == "cuda" else "2.13.0+rocm7.2"
    )
    torch.backends.cudnn.version = lambda: 91002
    autocast, scaler = torch.autocast, torch.amp.GradScaler
    torch.autocast = lambda _kind, dtype: autocast("cpu", dtype=dtype)
    torch.amp.GradScaler = lambda _kind: scaler("cpu")
    torch.compile = compiled
    torch._scaled_mm = scaled_product
    extensions: Any = ModuleType("torch.utils.cpp_extension")
    extensions.load_inline = lambda *_args, **_more: SimpleNamespace(probe_add=torch.add)
    sys.modules["torch.utils.cpp_extension"] = extensions
    stand_in_processes(torch)
    break_what_is_wished(torch)


def scaled_product(left: Any, right: Any, *, scale_a: Any, scale_b: Any, out_dtype: Any) -> Any:
    """Multiply float8: torch's own product on the CPU takes other ways, and other formats, from processor to processor."""
    return (left.double() @ right.double() * scale_a * scale_b).to(out_dtype)


def compiled(model: Any) -> Any:
    """Leave what Triton leaves, and compute eagerly."""
    folder = Path(os.environ["TRITON_CACHE_DIR"])
    folder.mkdir(parents=True)
    (folder / "kernel.cubin").touch()
    return model


def stand_in_processes(torch: Any) -> None:
    """Let gloo do the work of NCCL."""
    dist, parallel = torch.distributed, torch.nn.parallel
    start, wrap = dist.init_process_group, parallel.DistributedDataParallel
    dist.init_process_group = lambda _backend, **options: start("gloo", **options)
    parallel.DistributedDataParallel = lambda model, device_ids: wrap(model)


def break_what_is_wished(torch: Any) -> None:
    """Break the stand-in as STAND_IN_GPUS says."""
    dist = torch.distributed
    for fault in WISHES["faults"]:
        if fault.startswith("nccl-hangs-unless-") and not os.environ.get(fault.rpartition("-")[2]):
            dist.all_reduce = lambda *_args, **_more: time.sleep(600)
        if fault == "copies-hang":
            torch.Tensor.to = hanging(torch.Tensor.to)
        if fault == "compile-runs-eagerly":
            torch.compile = lambda model: model


def hanging(move: Any) -> Any:
    """Make copies of 16 MiB to the second device hang."""

    def to(tensor: Any, *given: Any, **more: Any) -> Any:
        if given[:1] == ("cuda:1",) and tensor.numel() == 2 * MIB:
            time.sleep(600)
        return move(tensor, *given, **more)

    return to
