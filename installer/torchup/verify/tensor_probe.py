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
import ctypes
import faulthandler
import importlib
import importlib.util
import json
import math
import os
import platform
import queue
import re
import shutil
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
SOAK_SECONDS = 300.0
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


# --------------------------------------------------------------------------------------------------
# Causes: what an error message or a death tells. The ids are explained in causes.json beside this file.
# --------------------------------------------------------------------------------------------------

SYMPTOMS = (
    ("not compiled with CUDA enabled", "cpu-wheel-installed"),
    (
        r"detected CUDA version .* mismatches|CUDA was not found on the system|CUDA_HOME environment variable is not set",
        "nvcc-cuda-mismatch",
    ),
    (r"unsupported GNU version|greater than the maximum required version by CUDA", "gcc-too-new-for-nvcc"),
    (r"Python\.h: No such file|'Python\.h' file not found", "python-h-missing"),
    (
        "No module named 'pkg_resources'|cannot import name 'packaging' from 'pkg_resources'",
        "setuptools-82-pkg-resources",
    ),
    (r"libcuda\.so cannot found|cannot find -lcuda|symlink of libcuda\.so", "triton-libcuda-not-found"),
    ("failed to map segment from shared object", "tmp-noexec"),
    (r"Permission denied: '[^']*(\.triton|torch_extensions|torchinductor)|Stale file handle", "jit-cache-not-writable"),
    ("Cannot find a working triton installation|Compiler: cl is not found", "windows-triton-missing"),
    (r"InvalidCxxCompiler|No working C\+\+ compiler|Failed to find C compiler", "no-compiler"),
    ("Watchdog caught collective operation timeout", "nccl-p2p-hang-acs"),
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
# What the driver says about a GPU: NVML through ctypes, sysfs for AMD, the log of the kernel
# --------------------------------------------------------------------------------------------------

UINT, ULONG = ctypes.c_uint, ctypes.c_ulonglong
# Field values and enumerations from nvml.h.
UNCORRECTED, SINCE_LOAD, SINCE_BUILT = 1, 0, 1
RECOVERY_FIELD = 230
COMPUTE_MODES = {0: "default", 1: "exclusive thread", 2: "prohibited", 3: "exclusive process"}
RECOVERY = {1: "a reset of the GPU", 2: "a reboot", 3: "an end of all peer-to-peer work", 4: "a drain and a reset"}
FABRIC_STATES = {1: "not started", 2: "in progress"}
P2P_STATES = {1: "chipset", 2: "this GPU", 3: "topology", 4: "switched off in the driver", 5: "not supported"}


class FieldValue(ctypes.Structure):
    """nvmlFieldValue_t; the value is a union of eight bytes, read as an unsigned number."""

    _fields_ = (
        ("field", UINT),
        ("scope", UINT),
        ("timestamp", ctypes.c_longlong),
        ("latency", ctypes.c_longlong),
        ("kind", UINT),
        ("code", UINT),
        ("value", ULONG),
    )


class FabricInfo(ctypes.Structure):
    """nvmlGpuFabricInfo_t."""

    _fields_ = (("cluster", ctypes.c_ubyte * 16), ("status", UINT), ("clique", UINT), ("state", ctypes.c_ubyte))


class Nvml:
    """NVIDIA's management library through ctypes; a question that it cannot answer gives None.

    pynvml and nvidia-smi ask this same library, so neither is needed.
    """

    def __init__(self) -> None:
        """Load and start the library; raises OSError where there is none or it does not start."""
        self.library = first_library(
            ["nvml.dll"] if sys.platform == "win32" else ["libnvidia-ml.so.1", "/usr/lib/wsl/lib/libnvidia-ml.so.1"]
        )
        code = self.library.nvmlInit_v2()
        if code:
            raise OSError(f"NVML answers {code}")

    def ask(self, function: str, *arguments: Any, kinds: Sequence[Any] = (UINT,)) -> list[int] | None:
        """Call a function with one output for each kind; None where it is missing or answers an error."""
        call = getattr(self.library, function, None)
        outputs = [kind() for kind in kinds]
        if call is None or call(*arguments, *map(ctypes.byref, outputs)):
            return None
        return [output.value for output in outputs]

    def one(self, function: str, *arguments: Any, kind: Any = UINT) -> int | None:
        """Call a function with one output."""
        answer = self.ask(function, *arguments, kinds=(kind,))
        return answer[0] if answer else None

    def count(self) -> int | None:
        """Count the GPUs that the driver serves."""
        return self.one("nvmlDeviceGetCount_v2")

    def handle(self, index: int) -> Any:
        """Find the GPU that CUDA calls by this number, by its PCI address: the two count differently."""
        handle = ctypes.c_void_p()
        address = pci_address(index)
        if address and not self.library.nvmlDeviceGetHandleByPciBusId_v2(address.encode(), ctypes.byref(handle)):
            return handle
        # One GPU cannot be mistaken for another.
        if self.count() == 1 and not self.library.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(handle)):
            return handle
        raise OSError("NVML does not say which GPU this is")

    def fabric(self, handle: Any) -> int | None:
        """Give the state of the NVSwitch fabric: 0 none, 1 not started, 2 in progress, 3 completed."""
        call, info = getattr(self.library, "nvmlDeviceGetGpuFabricInfo", None), FabricInfo()
        return None if call is None or call(handle, ctypes.byref(info)) else int(info.state)

    def recovery(self, handle: Any) -> int | None:
        """Give the action that the driver asks for: 0 none, else a key of RECOVERY."""
        call, value = getattr(self.library, "nvmlDeviceGetFieldValues", None), FieldValue(field=RECOVERY_FIELD)
        if call is None or call(handle, 1, ctypes.byref(value)) or value.code:
            return None
        return int(value.value) & 0xFFFFFFFF


def first_library(names: Sequence[str]) -> Any:
    """Load the first of these libraries that can be loaded."""
    for name in names:
        with contextlib.suppress(OSError):
            return ctypes.CDLL(name)
    raise OSError(f"{Path(names[0]).name} of the driver is not found")


def pci_address(index: int) -> str | None:
    """Ask CUDA for the PCI address of one of its devices; needs no context on the device."""
    device, text = ctypes.c_int(), ctypes.create_string_buffer(32)
    try:
        library = first_library(["nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"])
    except OSError:
        return None
    if (
        library.cuInit(0)
        or library.cuDeviceGet(ctypes.byref(device), index)
        or library.cuDeviceGetPCIBusId(text, 32, device)
    ):
        return None
    return text.value.decode("ascii", "replace")


def index_of(device: str) -> int:
    """Give the number in a device's name: 1 of cuda:1, 0 of mps."""
    return int(device.partition(":")[2] or 0)


XID = re.compile(
    r"NVRM: Xid \((?:PCI:)?([0-9A-Fa-f:]+)[^)]*\): (\d+)|NVRM: GPU (?:at )?(?:PCI:)?([0-9A-Fa-f:.]+).*fallen off the bus"
)
# Xids that speak of the hardware; others, such as 13, 31 and 43, come from programs.
XID_CAUSES = {
    48: "ecc-uncorrectable",
    63: "ecc-uncorrectable",
    64: "ecc-uncorrectable",
    94: "ecc-uncorrectable",
    95: "ecc-uncorrectable",
    79: "xid-79-fallen-off-bus",
    62: "gpu-needs-reset",
    74: "gpu-needs-reset",
    119: "gpu-needs-reset",
    120: "gpu-needs-reset",
}


def xids_in(log: str) -> list[int]:
    """List the Xid numbers in a kernel log; a GPU that has fallen off the bus counts as 79."""
    return [int(match.group(2) or 79) for match in XID.finditer(log)]


def kernel_log() -> str | None:
    """Read the kernel's log since the start of the machine; None where this user may not."""
    if sys.platform != "linux" or "microsoft" in platform.release().lower():
        return None
    for command in (["dmesg"], ["journalctl", "-k", "-b", "-q", "--no-pager", "-o", "cat"]):
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=10,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0 and done.stdout:
            return done.stdout
    return None


def health_of_nvidia(index: int) -> dict[str, Any]:
    """Read what NVML says about a GPU's health; raises OSError where it says nothing."""
    nvml = Nvml()
    handle = nvml.handle(index)
    mode = nvml.ask("nvmlDeviceGetMigMode", handle, kinds=(UINT, UINT))
    rows = nvml.ask("nvmlDeviceGetRemappedRows", handle, kinds=(UINT,) * 4)
    found = {
        "uncorrected since load": nvml.one("nvmlDeviceGetTotalEccErrors", handle, UNCORRECTED, SINCE_LOAD, kind=ULONG),
        "uncorrected ever": nvml.one("nvmlDeviceGetTotalEccErrors", handle, UNCORRECTED, SINCE_BUILT, kind=ULONG),
        "rows pending": rows[2] if rows else None,
        "rows failed": rows[3] if rows else None,
        "pages pending": nvml.one("nvmlDeviceGetRetiredPagesPendingStatus", handle),
        "compute mode": nvml.one("nvmlDeviceGetComputeMode", handle),
        "MIG": mode[0] if mode else None,
        "persistence": nvml.one("nvmlDeviceGetPersistenceMode", handle),
        "fabric": nvml.fabric(handle),
        "recovery": nvml.recovery(handle),
        "temperature": nvml.one("nvmlDeviceGetTemperature", handle, 0),
    }
    return {name: value for name, value in found.items() if value is not None}


def health_of_amd(folder: str = "/sys/bus/pci/drivers/amdgpu") -> dict[str, Any]:
    """Add up the uncorrected errors that the amdgpu driver counts for all its cards (`ue: N` in ras/*_err_count)."""
    counts = [
        int(match.group(1))
        for path in sorted(Path(folder).glob("*/ras/*_err_count"))
        for match in re.finditer(r"\bue: (\d+)", path.read_text(encoding="ascii", errors="replace"))
    ]
    if not counts:
        raise OSError("the amdgpu driver counts no errors for this card")
    return {"uncorrected since load": sum(counts)}


def check_health(bench: Bench, read: Callable[[], dict[str, Any]] | None = None) -> Result:
    """Ask the driver and the kernel's log whether the GPU is sound; asked again at the end, whether it still is."""
    index = index_of(bench.device)
    read = read or (health_of_amd if bench.kind == "hip" else lambda: health_of_nvidia(index))
    try:
        now = read()
    except OSError as error:
        raise Skip(str(error)) from error
    log = kernel_log() if "xids" not in now else ""
    if log is not None and "xids" not in now:
        now["xids"] = xids_in(log)
    return judge_health(now, bench.notes.get("health"))


def judge_health(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> Result:
    """Judge one reading of a GPU, against the one from before the test where there is one.

    What is pending or failed, and what has appeared during the test, fails; what lies in the past warns.
    """
    earlier = before or {}
    ecc, old_ecc = now.get("uncorrected since load", 0), earlier.get("uncorrected since load", 0)
    xids = list(now.get("xids", []))
    # The log is a ring: what was there before may have gone, so the numbers are compared one by one.
    fresh = xids[:]
    for number in earlier.get("xids", []):
        if number in fresh:
            fresh.remove(number)
    hard = [number for number in xids if number in XID_CAUSES]
    failures = [
        (now.get("rows pending"), "a remapped row waits for a reset", "ecc-uncorrectable"),
        (now.get("rows failed"), "memory rows could not be remapped", "ecc-uncorrectable"),
        (now.get("pages pending"), "a retired page waits for a reboot", "ecc-uncorrectable"),
        (now.get("compute mode") == 2, "the compute mode is prohibited", "exclusive-compute-mode"),  # noqa: PLR2004 - nvml.h
        (now.get("fabric") in FABRIC_STATES, "the NVSwitch fabric is not ready", "fabric-manager-missing"),
        (
            now.get("recovery"),
            f"the driver asks for {RECOVERY.get(now.get('recovery', 0), 'a recovery')}",
            "gpu-needs-reset",
        ),
        (
            before is not None and ecc > old_ecc,
            f"{ecc - old_ecc} uncorrected memory errors during the test",
            "ecc-uncorrectable",
        ),
        (
            before is not None and fresh,
            f"the kernel logged Xid {' '.join(map(str, fresh))} during the test",
            next((XID_CAUSES[number] for number in fresh if number in XID_CAUSES), "gpu-xid"),
        ),
    ]
    past = [
        (before is None and ecc, f"{ecc} uncorrected memory errors since the driver was loaded", "ecc-uncorrectable"),
        (
            before is None and hard,
            f"the kernel's log has Xid {' '.join(map(str, hard))}",
            XID_CAUSES[hard[0]] if hard else None,
        ),
    ]
    notes = {"notes": {"health": dict(now)}}
    for status, findings in (("fail", failures), ("warn", past)):
        found = [(text, cause) for true, text, cause in findings if true]
        if found:
            return Result(status, None, None, None, "; ".join(text for text, _ in found), found[0][1], notes)
    said = [
        f"{ecc} uncorrected memory errors" if "uncorrected since load" in now else "no ECC",
        f"compute mode {COMPUTE_MODES.get(now['compute mode'], 'unknown')}" if "compute mode" in now else "",
        "MIG on" if now.get("MIG") else "",
        f"{now['temperature']} degrees C" if "temperature" in now else "",
        "no new Xid" if "xids" in now else "the kernel's log may not be read, so it was not searched for Xids",
    ]
    return Result("pass", None, None, None, ", ".join(filter(None, said)), None, notes)


class Sampler:
    """Ask NVML a few times a second while a block runs; `samples` stays empty where NVML does not answer."""

    def __init__(self, bench: Bench, seconds: float = 0.1) -> None:
        self.samples: list[dict[str, int]] = []
        self.seconds = seconds
        self.ended = threading.Event()
        self.thread: threading.Thread | None = None
        self.nvml: Nvml | None = None
        if bench.kind == "cuda":
            with contextlib.suppress(OSError):
                self.nvml = Nvml()
                self.handle = self.nvml.handle(index_of(bench.device))
                self.thread = threading.Thread(target=self.watch, daemon=True)

    def __enter__(self) -> Sampler:
        if self.thread:
            self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        if self.thread:
            self.thread.join()

    def watch(self) -> None:
        """Take samples until the block ends."""
        while not self.ended.wait(self.seconds):
            self.take()

    def take(self) -> None:
        """Take one sample."""
        nvml, handle = self.nvml, self.handle
        assert nvml is not None  # noqa: S101 - the thread is only there with it
        reasons = nvml.one("nvmlDeviceGetCurrentClocksEventReasons", handle, kind=ULONG)
        if reasons is None:  # its name before driver 535
            reasons = nvml.one("nvmlDeviceGetCurrentClocksThrottleReasons", handle, kind=ULONG)
        sample = {
            "reasons": reasons,
            "clock": nvml.one("nvmlDeviceGetClockInfo", handle, 1),
            "generation": nvml.one("nvmlDeviceGetCurrPcieLinkGeneration", handle),
            "width": nvml.one("nvmlDeviceGetCurrPcieLinkWidth", handle),
            "widest": nvml.one("nvmlDeviceGetMaxPcieLinkWidth", handle),
            "temperature": nvml.one("nvmlDeviceGetTemperature", handle, 0),
        }
        self.samples.append({name: value for name, value in sample.items() if value is not None})

    def most(self, name: str) -> int | None:
        """Give the largest value that was seen."""
        return max((sample[name] for sample in self.samples if name in sample), default=None)

    def clock(self) -> str:
        """Give the highest clock as text to stand beside a figure."""
        clock = self.most("clock")
        return f" at {clock} MHz" if clock else ""


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


def loaded_libraries(maps: str) -> dict[str, str]:
    """Pick the libraries of CUDA and of the driver from the text of /proc/self/maps, from base name to path."""
    paths = {line.split(None, 5)[5].strip() for line in maps.splitlines() if ".so" in line and "/" in line}
    return {
        Path(path).name: path
        for path in sorted(paths)
        if CUDA_LIBRARY.search(path) or Path(path).name.startswith(("libcuda.so", "libamdhip64.so", "libze_loader.so"))
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
        facts["libraries"] = loaded_libraries(maps)
        folders = sorted({str(Path(origin).parent.parent), sysconfig.get_path("purelib")})
        shadows = shadowing_libraries(maps, folders)
    if came_by:
        status, hint = "warn", "python-path-shadows"
        detail += f", but from {came_by}: {origin}"
    elif shadows:
        of_cudnn = all("cudnn" in name for name in shadows)
        status, hint = "warn", "cudnn-shadowed" if of_cudnn else "nvjitlink-shadowed"
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
        on_bus, served = count_nvidia() if devices[0]["kind"] == "cuda" else (0, 0)
        present = max(on_bus, served)
        if present > len(devices) and not masked:
            text = f"{on_bus} GPUs are on the PCI bus, the driver serves {served}, torch sees {len(devices)}: {detail}"
            return Result("warn", len(devices), "GPUs", present, text, "gpu-not-served", {"devices": devices})
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


def count_nvidia() -> tuple[int, int]:
    """Count the NVIDIA GPUs on the PCI bus and those that the driver serves."""
    served = len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
    with contextlib.suppress(OSError):
        served = Nvml().count() or served
    return len(nvidia_on_bus("/sys/bus/pci/devices")), served


def only_empty_mig() -> bool:
    """Tell whether every GPU is split by MIG, and none has an instance."""
    with contextlib.suppress(OSError):
        nvml, empty = Nvml(), []
        for index in range(nvml.count() or 0):
            handle, instance = ctypes.c_void_p(), ctypes.c_void_p()
            nvml.library.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(handle))
            mode = nvml.ask("nvmlDeviceGetMigMode", handle, kinds=(UINT, UINT))
            first = getattr(nvml.library, "nvmlDeviceGetMigDeviceHandleByIndex", None)
            empty.append(bool(mode and mode[0] and first and first(handle, 0, ctypes.byref(instance))))
        return bool(empty) and all(empty)
    return False


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
        elif Path("/proc/driver/nvidia/version").exists() and (
            Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()
        ):
            cause = "container-driver-capabilities"
        return f"{said} (the driver's libcuda is not found)", cause_of(said) or cause
    if only_empty_mig():
        return f"{said} (cuInit answers {code}); MIG is on and has no instance", "mig-no-instance"
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
    index = index_of(bench.device)
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
    give_back(bench)
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
    if free_before is None or free_during is None:
        return Result("pass", size, "MiB", None, detail)
    give_back(bench)
    stuck = memory_that_did_not_move(free_before, free_during, free_memory(bench) or 0)
    if stuck:
        # Another program may have taken or given back memory in between.
        return Result("warn", size, "MiB", None, f"{detail}, but {stuck}", "device-memory-moves")
    return Result("pass", size, "MiB", None, f"{detail}; {free_before // MIB} MiB were free, and are again")


def give_back(bench: Bench) -> None:
    """Let torch return the memory that it keeps for later."""
    if hasattr(bench.api, "empty_cache"):
        bench.api.empty_cache()


def memory_that_did_not_move(before: int, during: int, after: int) -> str | None:
    """Compare the free memory before, during and after an allocation of 256 MiB; None when it moved as it should."""
    half = ALLOCATION // 2
    if before - during < half:
        return f"free memory fell by {(before - during) // MIB} MiB only while it was held"
    if after - during < half:
        return f"free memory grew by {(after - during) // MIB} MiB only when it was given back"
    return None


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
    # The result is in bf16: see fp8_product.
    "fp8": Exact(64, (-2, 2), (1, 2), 8),
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
    matmul = matmul or usual_product(torch, name)
    # Kernels work in tiles of 8 and more: 1003 and 99 are multiples of none of them, so that the last rows
    # and columns are handled apart. A CPU takes seconds for the larger one.
    sizes = (256, 99) if bench.kind == "cpu" else (256, 1003)
    total = 0
    for size in sizes:
        # The columns of an fp8 product come in sixteens.
        columns = (size + 15) // 16 * 16 if name == "fp8" else size
        for seed, (low, high) in enumerate((entry.signed, entry.full)):
            left = bench.whole(low, high, (size, entry.k), seed=10 + seed)
            right = bench.whole(low, high, (entry.k, columns), seed=20 + seed)
            want = exact_product(left, right)
            with strict_math(torch):
                got = bench.back(matmul(bench.put(left.to(dtype)), bench.put(right.to(dtype))))
            difference = first_difference(torch, got, want)
            if difference:
                text = f"{size}x{entry.k}x{columns}: {difference}"
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
    if name == "fp16" and bench.kind == "cpu":
        small = bench.torch.ones(2, 2, dtype=bench.dtype(name))
        try:
            small @ small
        except RuntimeError as error:  # torch before 2.2
            raise Skip(f"this torch multiplies no float16 on the CPU: {first_line(str(error))}") from error
    return usable_fp8(bench) if name == "fp8" else bench.dtype(name)


def usable_fp8(bench: Bench, letters: str = "e4m3") -> Any:
    """Give an fp8 dtype, or skip where the hardware or this torch has none (torch's own gate for its tests)."""
    torch = bench.torch
    suffix = "fn" if letters == "e4m3" else ""
    if bench.kind == "hip":
        gfx = describe_cuda(torch, index_of(bench.device), "hip")["gfx"]
        if not gfx.startswith(("gfx94", "gfx95", "gfx120")):
            raise Skip(f"{gfx} has no fp8")
        suffix = "fnuz" if gfx.startswith("gfx94") else suffix
    elif bench.kind == "cuda" and bench.capability() < (8, 9):
        raise Skip("fp8 needs compute capability 8.9")
    dtype = getattr(torch, f"float8_{letters}{suffix}", None)
    if dtype is None or not hasattr(torch, "_scaled_mm"):
        raise Skip("this torch has no fp8 products")
    return dtype


def usual_product(torch: Any, name: str) -> Callable[[Any, Any], Any]:
    """Give torch's product of two matrices in one dtype; that of fp8 has a function of its own, and gives bf16."""
    if name != "fp8":
        product: Callable[[Any, Any], Any] = torch.matmul
        return product

    def fp8_product(left: Any, right: Any) -> Any:
        one = torch.tensor(1.0, device=left.device)
        by_columns = right.t().contiguous().t()
        result = torch._scaled_mm(left, by_columns, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)  # noqa: SLF001 - has had no public name until 2.10
        return result[0] if isinstance(result, tuple) else result  # torch before 2.5 gives the largest value too

    return fp8_product


# --------------------------------------------------------------------------------------------------
# Rounded products against float64
# --------------------------------------------------------------------------------------------------


# What summing in float32 may add, relative to the largest element: ten times the limit of fp32 itself.
SUMMATION = 1e-4


class Limit(NamedTuple):
    """How far a result may be off: norm-wise, at its worst element, and where given in units of rounding.

    `unit` is u = 2^-p of an output dtype with p bits. Rounding to nearest is off by at most u for each
    element and by 0.43 u norm-wise, to both sides alike; truncation is off by 0.9 u norm-wise and about
    0.7 u to one side. TF32 inputs give 0.6 * 2^-11 norm-wise.
    """

    norm: float
    worst: float
    unit: float | None = None
    summation: float = SUMMATION


MATMUL = {
    "fp64": Limit(1e-13, 1e-12),
    "fp32": Limit(1e-5, 1e-5),
    "tf32": Limit(1e-3, 2e-3),
    "fp16": Limit(1e-3, 2e-3, 2.0**-11),
    "bf16": Limit(6e-3, 1.2e-2, 2.0**-8),
    # The result is in bf16. Tensor cores add fp8 products with fewer bits than float32 has (inferred).
    "fp8": Limit(1e-2, 3e-2, 2.0**-8, 2e-3),
}
TF32_LOOKS_LIKE = (5e-5, 1e-3)
MOST_ROUNDINGS, MOST_BIAS = 2.0, 0.25


class Error(NamedTuple):
    """How far a result is from its reference: relative to it, and in units of its rounding."""

    norm: float
    worst: float
    bias: float
    roundings: float
    not_finite: int


def error_of(got: Any, want: Any, unit: float = 1.0, summation: float = SUMMATION) -> Error:
    """Measure a result against a float64 reference, both on the CPU."""
    if got.shape != want.shape:
        raise ValueError(f"the shape is {tuple(got.shape)}, not {tuple(want.shape)}")
    got = got.double()
    gap, size = got - want, want.abs()
    return Error(
        norm=float(gap.norm() / want.norm()),
        worst=float(gap.abs().max() / size.max()),
        bias=float((got.abs() - size).mean() / size.mean()) / unit,
        roundings=float((gap.abs() / (unit * size + summation * size.max())).max()),
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
    matmul = matmul or usual_product(torch, name)
    if name == "fp64" and bench.kind == "cpu":
        raise Skip("float64 on the CPU is the reference itself; exact-fp64 tests it")
    size = 512
    if bench.level != "quick":
        size = 1024 if bench.kind == "cpu" else 4096
    if bench.kind == "cpu" and name == "fp16":
        size = 256
    # The reference uses the cast inputs: only the arithmetic is judged, not the rounding of inputs.
    limit = MATMUL[name]
    worst: Result | None = None
    # The hardware multiplies e4m3 with both formats of fp8.
    for right_dtype in (dtype, usable_fp8(bench, "e5m2")) if name == "fp8" else (dtype,):
        left, right = bench.normal(size, size, seed=40).to(dtype), bench.normal(size, size, seed=41).to(right_dtype)
        want = left.double() @ right.double()
        with strict_math(torch, tf32=name == "tf32"):
            got = bench.back(matmul(bench.put(left), bench.put(right)))
        result = judge(error_of(got, want, limit.unit or 1.0, limit.summation), limit, f"{size}x{size} against float64")
        if result.status != "pass":
            return result
        worst = result if worst is None or result.value > worst.value else worst
    assert worst is not None  # noqa: S101 - the loop above ran
    return worst


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
    worst = worst._replace(detail="convolution and batch norm, forward and backward, two layouts")
    if bench.kind != "cuda":
        return worst
    loaded, shipped = cudnn_text(torch.backends.cudnn.version()), shipped_cudnn()
    worst = worst._replace(detail=f"cuDNN {loaded}: {worst.detail}")
    if shipped and not f"{shipped}.".startswith(f"{loaded}."):
        return worst._replace(
            status="warn", detail=f"{worst.detail}; but cuDNN {shipped} is installed", hint="cudnn-shadowed"
        )
    return worst


def cudnn_text(number: int | None) -> str:
    """Write cuDNN's version: 8902 is 8.9.2, and since 9 with more digits 91002 is 9.10.2."""
    if not number:
        return "none"
    major = 10000 if number >= 90000 else 1000  # noqa: PLR2004 - cudnn_version.h
    return f"{number // major}.{number % major // 100}.{number % 100}"


def shipped_cudnn() -> str | None:
    """Give the version of the cuDNN wheel beside this torch; None where it came another way."""
    metadata = importlib.import_module("importlib.metadata")
    for name in ("nvidia-cudnn-cu13", "nvidia-cudnn-cu12", "nvidia-cudnn-cu11"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            return str(metadata.version(name))
    return None


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


LINEAR = {"fp32": Limit(1e-5, 1e-5), "fp16": Limit(2e-3, 4e-3), "bf16": Limit(1.2e-2, 2.4e-2)}


def check_linear(bench: Bench, layer: Callable[[Any, Any, Any], Any] | None = None) -> Result:
    """Run a linear layer with bias and GELU, which cuBLASLt fuses, in each dtype and compare with float64."""
    torch = bench.torch
    functional = torch.nn.functional
    layer = layer or (lambda x, w, b: functional.gelu(functional.linear(x, w, b)))
    worst: Result | None = None
    for name, limit in LINEAR.items():
        if name == "fp16" and bench.kind == "cpu":
            continue
        dtype = bench.dtype(name)
        # 250 rows: no multiple of 8, which changes the kernel.
        # Weights as a layer has them: with larger results the curve of GELU would not show.
        x, w = bench.normal(250, 512, seed=97).to(dtype), (bench.normal(384, 512, seed=98) / 512**0.5).to(dtype)
        b = bench.normal(384, seed=99).to(dtype)
        want = functional.gelu(functional.linear(x.double(), w.double(), b.double()))
        with strict_math(torch):
            got = bench.back(layer(*map(bench.put, (x, w, b))))
        result = judge(error_of(got, want), limit, f"linear, bias and gelu in {name}")
        if result.status != "pass":
            return result
        if worst is None or result.value / limit.norm > worst.value / (worst.threshold or 1):
            worst = result
    assert worst is not None  # noqa: S101 - fp32 always runs
    return worst._replace(detail=f"linear, bias and gelu of 250x512x384; worst: {worst.detail.rpartition(' ')[2]}")


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
# Before the first step every class is as likely as any other: ln 10 = 2.303.
CNN_FIRST = (1.8, 2.9)


def patches(bench: Bench, count: int) -> tuple[Any, Any]:
    """Make images of noise, shaped like MNIST, with a bright patch at one of ten places: the label."""
    torch = bench.torch
    labels = torch.arange(count) % CNN_CLASSES
    images = 0.3 * bench.normal(count, 1, 28, 28, seed=90)
    for index, label in enumerate(labels.tolist()):
        row, column = 3 + 12 * (label // 5), 1 + 5 * (label % 5)
        images[index, 0, row : row + 6, column : column + 5] += 2.0
    return images, labels


def small_cnn(bench: Bench) -> Any:
    """Make a small convolutional network on the device; its first weights are the same everywhere."""
    nn = bench.torch.nn
    bench.torch.manual_seed(91)
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
    return model.to(bench.device)


def train(
    bench: Bench,
    step: Callable[[Any, Any], None],
    casting: Callable[[], Any] = contextlib.nullcontext,
) -> tuple[Result, Any, Any]:
    """Train the network on made-up images with Adam until it knows the labels; give model and optimizer too."""
    torch = bench.torch
    images, labels = patches(bench, 512)
    model = small_cnn(bench)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = bench.put(images), bench.put(labels)
    losses = []
    for epoch in range(3):
        order = torch.randperm(len(labels), generator=bench.generator(92 + epoch))
        for chosen in order.split(64):
            picked = bench.put(chosen)
            optimizer.zero_grad()
            with casting():
                loss = torch.nn.functional.cross_entropy(model(x[picked]), y[picked])
            step(loss, optimizer)
            losses.append(float(loss.detach().to("cpu")))
    with torch.no_grad(), casting():
        accuracy = float((model(x).argmax(1) == y).float().mean().to("cpu"))
    last = sum(losses[-8:]) / 8
    text = f"loss {losses[0]:.2f} to {last:.2f}, accuracy {accuracy:.3f}"
    low, high = CNN_FIRST
    if not low < losses[0] < high:
        text = f"the first loss is {losses[0]:.2f} and ought to be near 2.30"
        return Result("fail", losses[0], "loss", high, text, "wrong-results"), model, optimizer
    if not (last < CNN_LOSS and accuracy > CNN_ACCURACY):
        return (
            Result("fail", accuracy, "accuracy", CNN_ACCURACY, f"not learned: {text}", "wrong-results"),
            model,
            optimizer,
        )
    return Result("pass", accuracy, "accuracy", CNN_ACCURACY, text), model, optimizer


def plain_step(loss: Any, optimizer: Any) -> None:
    """Take one step of training in the usual way."""
    loss.backward()
    optimizer.step()


def check_train_cnn(bench: Bench, step: Callable[[Any, Any], None] | None = None) -> Result:
    """Train a small convolutional network on made-up images with Adam until it knows the labels."""
    return train(bench, step or plain_step)[0]


def grad_scaler(bench: Bench) -> Any:
    """Make a gradient scaler; torch before 2.3 has one for CUDA only."""
    torch = bench.torch
    if hasattr(torch.amp, "GradScaler"):
        return torch.amp.GradScaler(device_type(bench))
    if bench.kind in ("cuda", "hip"):
        return torch.cuda.amp.GradScaler()
    return None


def device_type(bench: Bench) -> str:
    """Give torch's own name for the kind of device: cuda for ROCm as well."""
    return "cuda" if bench.kind == "hip" else bench.kind


def check_amp(bench: Bench, scaler: Any = None, casting: Callable[[Any], Any] | None = None) -> Result:
    """Train in fp16 with a gradient scaler and in bf16 without; the scaler must skip a step that is infinite."""
    torch = bench.torch
    half, brain = torch.float16, torch.bfloat16
    casting = casting or (lambda dtype: torch.autocast(device_type(bench), dtype=dtype))
    scaler = scaler or grad_scaler(bench)
    said = []
    model = optimizer = None
    if scaler is not None:
        # A CPU has no fast fp16: there the scaler is tested with bf16.
        dtype = brain if bench.kind == "cpu" else half

        def scaled(loss: Any, chosen: Any) -> None:
            scaler.scale(loss).backward()
            scaler.step(chosen)
            scaler.update()

        with_scaler, model, optimizer = train(bench, scaled, lambda: casting(dtype))
        if with_scaler.status != "pass":
            return with_scaler._replace(detail=f"{dtype} with a gradient scaler: {with_scaler.detail}")
        said.append(f"{str(dtype).rpartition('.')[2]} with a scaler {with_scaler.value:.3f}")
        problem = unskipped_step(bench, scaler, model, optimizer)
        if problem:
            return Result("fail", None, None, None, problem, "wrong-results")
        said.append("an infinite step was skipped")
    if not (bench.kind == "cuda" and bench.capability() < (8, 0)):
        in_bf16 = train(bench, plain_step, lambda: casting(brain))[0]
        if in_bf16.status != "pass":
            return in_bf16._replace(detail=f"bfloat16: {in_bf16.detail}")
        said.append(f"bfloat16 {in_bf16.value:.3f}")
    return Result("pass", None, None, None, "accuracy: " + ", ".join(said))


def unskipped_step(bench: Bench, scaler: Any, model: Any, optimizer: Any) -> str | None:
    """Give the scaler one infinite gradient; tell what it did wrong, None when it skipped the step and scaled down."""
    torch = bench.torch
    before = [bench.back(parameter).clone() for parameter in model.parameters()]
    scale = float(scaler.get_scale())
    optimizer.zero_grad()
    first = next(iter(model.parameters()))
    scaler.scale((first * float("inf")).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    after = [bench.back(parameter) for parameter in model.parameters()]
    if not all(torch.equal(old, new) for old, new in zip(before, after)):  # noqa: B905 - Python 3.9 has no strict
        return "the gradient scaler took a step with an infinite gradient"
    if not float(scaler.get_scale()) < scale:
        return f"the gradient scaler kept its scale of {scale:g} after an infinite gradient"
    return None


def check_determinism(bench: Bench, product: Callable[[Any, Any], Any] | None = None) -> Result:
    """Multiply and convolve ten times in deterministic mode, forward and backward; every bit must be the same."""
    torch = bench.torch
    functional = torch.nn.functional

    def usual(x: Any, w: Any) -> Any:
        images = x[:64].reshape(16, 16, 16, 16).clone().requires_grad_()
        kernel = w[:9].reshape(64, 16, 3, 3).clone().requires_grad_()
        functional.conv2d(images, kernel, padding=1).square().sum().backward()
        parts = (functional.gelu(x @ w).sum(0), images.grad.flatten(), kernel.grad.flatten())
        return torch.cat(parts)

    product = product or usual
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
    return Result("pass", 0, "different runs", 0, "ten runs of a product and a convolution, equal bit for bit")


# --------------------------------------------------------------------------------------------------
# Captured graphs, compiled functions, compiled extensions
# --------------------------------------------------------------------------------------------------


def check_graph(
    bench: Bench, capture: Callable[[Callable[[Any], Any], Any], Callable[[Any], Any]] | None = None
) -> Result:
    """Capture a product in a CUDA graph and replay it on ten new inputs; each must equal the eager result."""
    torch = bench.torch

    def captured(work: Callable[[Any], Any], example: Any) -> Callable[[Any], Any]:
        cuda = torch.cuda
        held = example.clone()
        side = cuda.Stream()
        side.wait_stream(cuda.current_stream())
        with cuda.stream(side):
            for _ in range(3):
                work(held)
        cuda.current_stream().wait_stream(side)
        graph = cuda.CUDAGraph()
        with cuda.graph(graph):
            result = work(held)

        def replay(x: Any) -> Any:
            held.copy_(x)
            graph.replay()
            return result.clone()

        return replay

    w = bench.put(bench.normal(256, 256, seed=100))
    work: Callable[[Any], Any] = lambda x: torch.relu(x @ w)  # noqa: E731 - handed on twice
    inputs = [bench.put(bench.normal(256, 256, seed=101 + turn)) for turn in range(10)]
    replay = (capture or captured)(work, inputs[0])
    stale = sum(not torch.equal(bench.back(replay(x)), bench.back(work(x))) for x in inputs)
    if stale:
        text = f"{stale} of 10 replays of a captured graph differ from the eager result"
        return Result("fail", stale, "wrong replays", 0, text, "wrong-results")
    return Result("pass", 0, "wrong replays", 0, "matmul and relu, captured once and replayed on ten inputs")


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
        raise Skip("this torch has no torch.compile")
    nn = torch.nn
    torch.manual_seed(110)
    model = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 32), nn.Tanh()).to(bench.device)
    x = bench.put(bench.normal(50, 64, seed=111))

    def run(network: Any) -> list[Any]:
        model.zero_grad()
        y = network(x)
        (y * y).mean().backward()
        return [bench.back(y), *(bench.back(parameter.grad).clone() for parameter in model.parameters())]

    with tempfile.TemporaryDirectory(prefix="tensor-probe-") as folder, fresh_caches(folder), strict_math(torch):
        wants = run(model)
        try:
            gots = run((compiler or torch.compile)(model))
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            if re.search(r"(Python [\d.+]+|Windows) (is )?not (yet )?supported", text):
                raise Skip(f"torch.compile: {first_line(str(error))}") from error
            return Result("fail", detail=f"torch.compile: {short(text)}", hint=cause_of(text) or "compile-failed")
        for what, got, want in zip(("output", "gradients", *[""] * 9), gots, wants):  # noqa: B905 - Python 3.9 has no strict
            result = judge(error_of(got, want.double()), Limit(1e-5, 1e-5), f"compiled, {what or 'gradients'}")
            if result.status != "pass":
                return result
        made = compiled_files(folder)
        if bench.kind in ("cuda", "hip", "xpu"):
            if not made["triton"]:
                text = "torch.compile agrees with eager but used no Triton kernel"
                return Result("fail", 0, "kernels", 1, text, "compile-failed")
            text = f"{made['triton']} Triton kernels, forward and backward"
            if importlib.util.find_spec("triton"):
                wrong = triton_adds_wrong(bench, folder)
                if wrong:
                    return Result("fail", detail=wrong, hint="wrong-results")
                text += ", and one written by hand"
            return Result("pass", made["triton"], "kernels", 1, text)
        if not made["native"]:
            text = "torch.compile agrees with eager but compiled nothing"
            return Result("fail", 0, "kernels", 1, text, "compile-failed")
        return Result("pass", made["native"], "kernels", 1, f"{made['native']} compiled, forward and backward")


@contextlib.contextmanager
def fresh_caches(folder: str) -> Iterator[None]:
    """Let the compilers start from empty caches: an old entry must not stand in for a compiler that is broken."""
    wanted = {
        "TORCHINDUCTOR_CACHE_DIR": os.path.join(folder, "inductor"),  # noqa: PTH118 - a string is wanted
        "TRITON_CACHE_DIR": os.path.join(folder, "triton"),  # noqa: PTH118
        "TORCH_EXTENSIONS_DIR": os.path.join(folder, "extensions"),  # noqa: PTH118
        # A pool of compilers pays off for many kernels, and here it would outlive the folder.
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    os.makedirs(wanted["TORCH_EXTENSIONS_DIR"])  # noqa: PTH103
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


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
    return difference and f"a Triton kernel that adds: {difference}"


def hindrance_of_compile() -> str:
    """Tell why torch.compile cannot be tried here; empty when it can."""
    if sys.platform == "win32" and not importlib.util.find_spec("triton") and not shutil.which("cl"):
        return "neither Triton nor a C++ compiler is installed (windows-triton-missing)"
    return ""


# From torch.utils.cpp_extension (CUDA_GCC_VERSIONS, 2.13): the first gcc major that this CUDA refuses.
GCC_TOO_NEW = {
    "11.4": 12, "11.5": 12, "11.6": 12, "11.7": 12, "11.8": 12, "12.0": 13, "12.1": 13, "12.2": 13, "12.3": 14,
    "12.4": 14, "12.5": 14, "12.6": 14, "12.7": 14, "12.8": 15, "12.9": 15, "13.0": 16,
}  # fmt: skip

EXTENSION_CPP = "torch::Tensor probe_add(torch::Tensor left, torch::Tensor right);"
EXTENSION_CUDA = """
#include <c10/cuda/CUDAStream.h>
__global__ void add_kernel(const float* left, const float* right, float* out, long count) {
    long at = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (at < count) out[at] = left[at] + right[at];
}
torch::Tensor probe_add(torch::Tensor left, torch::Tensor right) {
    auto out = torch::empty_like(left);
    long count = left.numel();
    add_kernel<<<(count + 255) / 256, 256, 0, c10::cuda::getCurrentCUDAStream()>>>(
        left.data_ptr<float>(), right.data_ptr<float>(), out.data_ptr<float>(), count);
    return out;
}
"""


def nvcc_path() -> str | None:
    """Find nvcc where torch looks for it: CUDA_HOME, CUDA_PATH, then PATH."""
    for name in ("CUDA_HOME", "CUDA_PATH"):
        home = os.environ.get(name)
        if home:
            return shutil.which("nvcc", path=os.path.join(home, "bin"))  # noqa: PTH118 - a string is wanted
    return shutil.which("nvcc")


def hindrance_of_extension() -> str:
    """Tell why no extension can be compiled here; empty when one can."""
    if not (os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH") or shutil.which("nvcc")):
        return "no CUDA toolkit is set up: CUDA_HOME is not set and nvcc is not on PATH"
    return ""


def first_version(command: Sequence[str], pattern: str) -> str | None:
    """Run a program and pick its version from what it says; None when it cannot be run."""
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(pattern, done.stdout)
    return match.group(1) if match else None


def judge_toolchain(nvcc: str | None, built_for: str, gcc: str | None) -> Result | None:
    """Compare the versions of nvcc, of torch's CUDA and of the host's gcc; None when they fit together."""
    if nvcc is None:
        text = "CUDA_HOME is set, but there is no nvcc that runs below it"
        return Result("fail", detail=text, hint="nvcc-cuda-mismatch")
    if nvcc.partition(".")[0] != built_for.partition(".")[0]:
        text = f"nvcc is of CUDA {nvcc}, this torch is built for CUDA {built_for}: it compiles no extension"
        return Result("fail", nvcc, detail=text, hint="nvcc-cuda-mismatch")
    refused = GCC_TOO_NEW.get(nvcc)
    if gcc and refused and int(gcc.partition(".")[0]) >= refused:
        text = f"the host compiler is gcc {gcc}; nvcc {nvcc} takes gcc below {refused}"
        return Result("fail", gcc, detail=text, hint="gcc-too-new-for-nvcc")
    return None


def check_extension(bench: Bench, build: Callable[[str], Any] | None = None) -> Result:
    """Compile a CUDA kernel with the toolkit of this machine, load it and add with it."""
    torch = bench.torch
    nvcc = nvcc_path()
    version = first_version([nvcc, "--version"], r"release (\d+\.\d+)") if nvcc else None
    gcc = None
    if sys.platform == "linux":
        gcc = first_version([os.environ.get("CXX", "g++"), "-dumpfullversion"], r"^(\d+[.\d]*)")
    unfit = judge_toolchain(version, str(torch.version.cuda), gcc)
    if unfit:
        return unfit

    def compiled(folder: str) -> Any:
        load_inline = importlib.import_module("torch.utils.cpp_extension").load_inline
        module = load_inline(
            f"tensor_probe_add_{os.getpid()}",
            cpp_sources=EXTENSION_CPP,
            cuda_sources=EXTENSION_CUDA,
            functions=["probe_add"],
            build_directory=folder,
        )
        return module.probe_add

    with tempfile.TemporaryDirectory(prefix="tensor-probe-") as folder, fresh_caches(folder):
        before = os.environ.get("TORCH_CUDA_ARCH_LIST")
        os.environ["TORCH_CUDA_ARCH_LIST"] = ".".join(map(str, bench.capability()))
        try:
            add = (build or compiled)(os.environ["TORCH_EXTENSIONS_DIR"])
        except Exception as error:  # noqa: BLE001 - whatever the compiler raises is the finding
            text = f"{type(error).__name__}: {error}"
            return Result("fail", detail=f"no extension: {short(text)}", hint=cause_of(text) or "extension-failed")
        finally:
            os.environ.pop("TORCH_CUDA_ARCH_LIST")
            if before is not None:
                os.environ["TORCH_CUDA_ARCH_LIST"] = before
        left, right = (bench.whole(-999, 999, (100003,), seed=seed) for seed in (114, 116))
        got = bench.back(add(bench.put(left.float()), bench.put(right.float())))
    difference = first_difference(torch, got, left + right)
    if difference:
        return Result("fail", detail=f"the compiled kernel adds wrong: {difference}", hint="wrong-results")
    detail = f"nvcc {version} and gcc {gcc or 'unknown'} compiled a kernel, and it adds"
    if version != torch.version.cuda:
        detail += f"; torch is built for CUDA {torch.version.cuda}"
    return Result("pass", version, detail=detail)


def short(text: str) -> str:
    """Keep the lines of a long compiler message that say something: the first, and the first with `error`."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    wrong = next((line for line in lines[1:] if "error" in line.lower()), "")
    return " | ".join(filter(None, [lines[0] if lines else "", wrong]))[:500]


# --------------------------------------------------------------------------------------------------
# Memory under pressure
# --------------------------------------------------------------------------------------------------


def total_memory(bench: Bench) -> int:
    """Give the size of the device's memory in bytes."""
    if bench.kind == "mps":
        return int(bench.torch.mps.recommended_max_memory())
    return int(bench.api.get_device_properties(index_of(bench.device)).total_memory)


def check_oom(
    bench: Bench,
    allocate: Callable[[int], Any] | None = None,
    matmul: Callable[[Any, Any], Any] | None = None,
) -> Result:
    """Ask for twice the memory there is; torch must refuse, and then compute as before."""
    torch = bench.torch
    allocate = allocate or (lambda size: torch.empty(size, dtype=torch.uint8, device=bench.device))
    asked = 2 * total_memory(bench)
    try:
        block = allocate(asked)
    except RuntimeError as error:
        if "out of memory" not in str(error) and "buffer size" not in str(error).lower():
            raise
    else:
        del block
        text = f"{asked // MIB} MiB were granted, twice what the device has"
        # Windows lends a GPU the memory of the machine, so that asking for too much is slow and not refused.
        status = "warn" if sys.platform == "win32" or "microsoft" in platform.release().lower() else "fail"
        return Result(status, asked // MIB, "MiB", detail=text, hint="memory-not-limited")
    if hasattr(bench.api, "empty_cache"):
        bench.api.empty_cache()
    torch.empty(ALLOCATION, dtype=torch.uint8, device=bench.device).fill_(1)
    again = check_exact(bench, "fp32", matmul)
    if again.status != "pass":
        return again._replace(detail=f"after memory ran out: {again.detail}")
    return Result("pass", asked // MIB, "MiB", None, f"{asked // MIB} MiB were refused, and torch computes as before")


MEMTEST_BLOCK = 256 * MIB
PATTERNS = (
    (0, "0x00"),
    (-1, "0xFF"),
    (0x5555555555555555, "0x55"),
    (-0x5555555555555556, "0xAA"),
    (None, "random numbers"),
)


def check_memtest(
    bench: Bench, fill: Callable[[Any, int | None, int], Any] | None = None, blocks: int | None = None
) -> Result:
    """Fill nine tenths of the free memory with patterns and random numbers, twice, and read everything back."""
    torch = bench.torch

    def filled(block: Any, value: int | None, seed: int) -> Any:
        if value is not None:
            return block.fill_(value)
        torch.manual_seed(seed)
        return block.random_()

    fill = fill or filled
    if blocks is None:
        free = free_memory(bench)
        if free is None:
            raise Skip("the device does not tell how much memory is free")
        blocks = max(1, int(free * 0.9) // MEMTEST_BLOCK)
    held: list[Any] = []
    with contextlib.suppress(RuntimeError):  # others may take memory meanwhile: what can be had is tested
        while len(held) < blocks:
            held.append(torch.empty(MEMTEST_BLOCK // 8, dtype=torch.int64, device=bench.device))
    if not held:
        return Result("error", detail="no block of 256 MiB could be had", hint="device-memory-full")
    wrong: dict[str, int] = {}
    spare = torch.empty_like(held[0])
    for turn in range(2):
        for value, name in PATTERNS:
            # All blocks are written before the first is read, and random ones differ from each other,
            # so that two addresses for one cell show.
            for number, block in enumerate(held):
                fill(block, value, 1000 * turn + number)
            for number, block in enumerate(held):
                want = filled(spare, value, 1000 * turn + number)
                found = int((block != want).sum().to("cpu"))
                if found:
                    wrong[name] = wrong.get(name, 0) + found
    size = len(held) * MEMTEST_BLOCK // MIB
    if wrong:
        text = f"of {size} MiB, words have changed: " + ", ".join(
            f"{count} with {name}" for name, count in wrong.items()
        )
        return Result("fail", sum(wrong.values()), "wrong words", 0, text, "ecc-uncorrectable")
    return Result("pass", 0, "wrong words", 0, f"{size} MiB, five patterns, two passes")


# --------------------------------------------------------------------------------------------------
# Speed: measured by the device's own clock and compared with what such a card reaches elsewhere
# --------------------------------------------------------------------------------------------------


def timed(bench: Bench, work: Callable[[], Any], warm: int, runs: int, seconds: float = 20.0) -> float:
    """Give the median time of one run in seconds, by events of the device where it has them.

    Stops after `seconds` on a slow device, but never before three runs.
    """
    api = bench.api
    event = getattr(api, "Event", None) if bench.kind in ("cuda", "hip", "xpu") else None
    start = time.perf_counter()
    for _ in range(warm):
        work()
        bench.wait()
        if time.perf_counter() - start > seconds / 2:
            break
    times: list[float] = []
    start = time.perf_counter()
    while len(times) < runs and (len(times) < 3 or time.perf_counter() - start < seconds):  # noqa: PLR2004 - for a median
        if event is not None:
            first, last = event(enable_timing=True), event(enable_timing=True)
            first.record()
            work()
            last.record()
            last.synchronize()
            times.append(first.elapsed_time(last) / 1000)
        else:
            begun = time.perf_counter()
            work()
            bench.wait()
            times.append(time.perf_counter() - begun)
    return max(sorted(times)[len(times) // 2], 1e-9)


class Card(NamedTuple):
    """What is published and what was measured for one card.

    `half` is the dense fp16 or bf16 peak with fp32 accumulation in TFLOPS, `single` that of fp32 without
    tensor cores, `memory` the bandwidth in GB/s. `share` is the part of `half` that a plain torch matmul
    reached, `copied` the bandwidth in GB/s that was measured; None where nobody has said.
    """

    pattern: str
    half: float | None
    single: float | None
    memory: float | None
    share: float
    copied: float | None = None


# Dense peaks: vendors' data sheets. Shares: public torch matmul measurements (zzc0721/
# torch-performance-test-data, stas00/ml-engineering). Copied: NVIDIA/DCGM nvvs/diag-skus.yaml.in, whose
# limits are 0.75 of what was measured. The order matters: the first pattern that is found counts.
CARDS = (
    Card(r"GTX 1080 Ti", None, 11.3, 484, 0.89),
    Card(r"RTX 2080 Ti", 53.8, 13.4, 616, 1.0),
    Card(r"RTX 3060(?! Ti)", 25.5, 12.7, 360, 0.95),
    Card(r"RTX 3080(?! Ti)", 59.5, 29.8, 760, 1.0),
    Card(r"RTX 3090(?! Ti)", 71.2, 35.6, 936, 1.0),
    Card(r"RTX 4070(?! Ti| SUPER)", 58.3, 29.0, 504, 0.95),
    Card(r"RTX 4080(?! SUPER)", 97.5, 48.7, 717, 0.95),
    Card(r"RTX 4090(?! D)", 165.2, 82.6, 1008, 0.97),
    Card(r"RTX 5070(?! Ti)", 61.7, 30.9, 672, 0.95),
    Card(r"RTX 5080", 112.6, 56.3, 960, 0.91),
    Card(r"RTX 5090(?! D)", 209.5, 104.8, 1792, 1.0),
    Card(r"\bT4\b", 65.1, 8.1, 320, 0.64, 244),
    Card(r"V100S", 130.0, 16.4, 1134, 0.76, 900),
    Card(r"V100-SXM", 125.3, 15.7, 900, 0.76, 809),
    Card(r"V100-PCIE", 112.0, 14.0, 900, 0.76, 809),
    Card(r"\bA10G\b", 125.0, 31.2, 600, 0.5, 484),
    Card(r"\bA10\b", 125.0, 31.2, 600, 0.55),
    Card(r"A100.*PCIE-40|A100-PCIE", 312.0, 19.5, 1555, 0.75, 1293),
    Card(r"A100 80GB PCIe", 312.0, 19.5, 1935, 0.76, 1495),
    Card(r"A100-SXM\d-80GB", 312.0, 19.5, 2039, 0.84, 1564),
    Card(r"A100-SXM", 312.0, 19.5, 1555, 0.79, 1293),
    Card(r"\bL40S\b", 366.0, 91.6, 864, 0.73, 700),
    Card(r"\bL4\b", 121.0, 30.3, 300, 0.57, 265),
    Card(r"RTX 6000 Ada", 364.0, 91.1, 960, 0.75),
    Card(r"H100 PCIe", 756.0, 51.0, 2000, 0.63, 1660),
    Card(r"H100 NVL", 835.0, None, None, 0.55, 2724),
    Card(r"H200 NVL", None, None, None, 0.55),
    Card(r"H100", 989.0, 67.0, 3350, 0.79, 2540),
    Card(r"\bH200\b", 989.0, 67.0, 4800, 0.78, 2949),
    Card(r"\bB200\b", 2250.0, 80.0, 8000, 0.74, 5430),
    Card(r"RTX PRO 6000 Blackwell Workstation", 504.0, 125.0, 1792, 0.75),
)

# Dense fp16 operations per clock and SM with fp32 accumulation, by compute capability: GeForce, others.
TENSOR_RATE = {
    (7, 0): (1024, 1024),
    (7, 5): (512, 1024),
    (8, 0): (2048, 2048),
    (8, 6): (512, 1024),
    (8, 9): (512, 1024),
    (9, 0): (4096, 4096),
    (12, 0): (512, 1024),
}
CORES = {(6, 0): 64, (6, 1): 128, (7, 0): 64, (7, 5): 64, (8, 0): 64, (8, 6): 128, (8, 9): 128, (9, 0): 128, (10, 0): 128, (12, 0): 128}  # fmt: skip
SINGLE_SHARE, MEMORY_SHARE = 0.65, 0.75
SLOW, VERY_SLOW, IMPOSSIBLE = 0.75, 0.25, 1.15
# GeForce cards boost far above the clock that their peak is published for: 1.21 was measured.
IMPOSSIBLE_GEFORCE = 1.4


class Facts(NamedTuple):
    """What the formula needs: clocks in GHz, the memory bus in bits; None where the driver does not tell."""

    name: str
    capability: tuple[int, int] = (0, 0)
    units: int = 0
    clock: float | None = None
    memory_clock: float | None = None
    bus: int | None = None
    mig: bool = False


class Reference(NamedTuple):
    """What to expect of a card, the peak it cannot pass, and where the numbers come from."""

    expected: float
    peak: float
    source: str


def default_share(name: str) -> float:
    """Give the part of the peak that cards of one class reach: power-capped ones least."""
    if "GeForce" in name:
        return 0.95
    if re.search(r"RTX|Quadro|TITAN|SXM|HBM|H100|H200|B200|B300", name) and not re.search(r"PCIe|NVL|PCIE", name):
        return 0.75
    return 0.55


def card_of(name: str) -> Card | None:
    """Find a card in the table; those of laptops share a name with faster ones, so they are never in it."""
    if re.search(r"Laptop|Max-Q|Mobile|\bMIG\b", name):
        return None
    return next((card for card in CARDS if re.search(card.pattern, name)), None)


def reference_of(facts: Facts, what: str) -> Reference | None:
    """Give the reference for `half` or `single` in TFLOPS or `memory` in GB/s; None where none is known.

    The table goes first; else the formula: units times operations per clock times the highest clock,
    and for the memory twice its clock times the width of its bus.
    """
    if facts.mig:
        return None
    card = card_of(facts.name)
    geforce = "GeForce" in facts.name
    share = {"half": card.share if card else default_share(facts.name), "single": SINGLE_SHARE, "memory": MEMORY_SHARE}[
        what
    ]
    ceiling = IMPOSSIBLE_GEFORCE if geforce else IMPOSSIBLE
    published = getattr(card, what) if card else None
    if published:
        expected = (card.copied if card and what == "memory" and card.copied else None) or published * share
        return Reference(expected, published * ceiling, "table")
    if what == "memory":
        if card and card.copied:
            return Reference(card.copied, math.inf, "table")
        if not (facts.memory_clock and facts.bus):
            return None
        peak = 2 * facts.memory_clock * facts.bus / 8
    else:
        rate = (
            TENSOR_RATE.get(facts.capability, (0, 0))[not geforce]
            if what == "half"
            else 2 * CORES.get(facts.capability, 0)
        )
        if not (rate and facts.units and facts.clock):
            return None
        peak = facts.units * rate * facts.clock / 1000
    return Reference(peak * share, peak * ceiling, "formula")


def facts_of(bench: Bench) -> Facts:
    """Read what the reference needs to know about a GPU."""
    name = (
        str(bench.api.get_device_name(index_of(bench.device))) if hasattr(bench.api, "get_device_name") else bench.kind
    )
    if bench.kind != "cuda":
        return Facts(name)
    units = int(bench.torch.cuda.get_device_properties(index_of(bench.device)).multi_processor_count)
    facts = Facts(name, bench.capability(), units, mig="MIG" in name)
    with contextlib.suppress(OSError):
        nvml = Nvml()
        handle = nvml.handle(index_of(bench.device))
        clock, memory = (nvml.one("nvmlDeviceGetMaxClockInfo", handle, kind) for kind in (1, 2))
        mode = nvml.ask("nvmlDeviceGetMigMode", handle, kinds=(UINT, UINT))
        facts = facts._replace(
            clock=clock / 1000 if clock else None,
            memory_clock=memory / 1000 if memory else None,
            bus=nvml.one("nvmlDeviceGetMemoryBusWidth", handle),
            mig=bool(mode and mode[0]),
        )
    return facts


def judge_speed(measured: float, reference: Reference | None, unit: str, what: str) -> Result:
    """Judge a speed: slow is a warning, below a quarter of what is expected a failure, too fast no measurement."""
    if reference is None:
        # A figure with nothing to stand beside proves nothing, so it is no pass.
        text = f"{what}: {measured:.4g} {unit}, and no reference is known for this device"
        return Result("skip", measured, unit, None, text)
    if measured > reference.peak:
        text = f"{what}: {measured:.4g} {unit} is more than the device can do ({reference.peak:.4g}), so the timing is wrong"
        return Result("error", None, unit, None, text, "timing-wrong")
    text = f"{what}: {measured / reference.expected:.0%} of the {reference.expected:.4g} {unit} expected ({reference.source})"
    if not measured >= VERY_SLOW * reference.expected:
        return Result("fail", measured, unit, VERY_SLOW * reference.expected, text, "gpu-very-slow")
    if measured < SLOW * reference.expected:
        return Result("warn", measured, unit, SLOW * reference.expected, text, "gpu-slow")
    return Result("pass", measured, unit, SLOW * reference.expected, text)


Measure = Callable[[Bench, Callable[[], Any], int, int], float]


def check_tflops(bench: Bench, measure: Measure = timed, facts: Facts | None = None) -> Result:
    """Multiply large matrices in the fastest dtype of the device and compare the speed with its card's."""
    torch = bench.torch
    facts = facts or facts_of(bench)
    name, what = fastest_dtype(bench)
    sizes = {"quick": (2048,), "standard": (4096, 8192), "full": (4096, 8192, 16384)}[bench.level]
    if bench.kind == "cpu":
        sizes = (256,)
    free = free_memory(bench)
    best, best_size, clock = 0.0, 0, ""
    for size in sizes:
        if free is not None and 3 * size * size * 4 > free:
            continue
        dtype = bench.dtype(name)
        left, right = (
            bench.put(bench.normal(size, 64, seed=seed)).to(dtype).repeat(1, size // 64) for seed in (120, 121)
        )
        out = torch.empty_like(left)
        with Sampler(bench) as sampler:
            seconds = measure(bench, lambda: torch.matmul(left, right, out=out), 50, 100)  # noqa: B023 - called at once
        speed = 2 * size**3 / seconds / 1e12
        if speed > best:
            best, best_size, clock = speed, size, sampler.clock()
    if not best:
        return Result("error", detail="too little free memory for any size", hint="device-memory-full")
    return judge_speed(best, reference_of(facts, what), "TFLOPS", f"{name} matmul {best_size}{clock} on {facts.name}")


def fastest_dtype(bench: Bench) -> tuple[str, str]:
    """Name the dtype that the hardware multiplies fastest without emulation, and its column in the table."""
    if bench.kind == "cuda" and bench.capability() < (7, 0):
        return "fp32", "single"
    if (bench.kind == "cuda" and bench.capability() < (8, 0)) or bench.kind == "mps":
        return "fp16", "half"
    return "bf16", "half"


def check_tflops_single(bench: Bench, measure: Measure = timed, facts: Facts | None = None) -> Result:
    """Multiply large float32 matrices without TF32 and compare the speed with the card's."""
    torch = bench.torch
    facts = facts or facts_of(bench)
    size = 256 if bench.kind == "cpu" else 4096
    left, right = (bench.put(bench.normal(size, size, seed=seed)) for seed in (122, 123))
    out = torch.empty_like(left)
    with strict_math(torch), Sampler(bench) as sampler:
        seconds = measure(bench, lambda: torch.matmul(left, right, out=out), 5, 20)
    what = f"fp32 matmul {size}{sampler.clock()} on {facts.name}"
    return judge_speed(2 * size**3 / seconds / 1e12, reference_of(facts, "single"), "TFLOPS", what)


def check_membw(bench: Bench, measure: Measure = timed, facts: Facts | None = None) -> Result:
    """Copy 1 GiB on the device, count what is read and written, and compare with the card's memory."""
    torch = bench.torch
    facts = facts or facts_of(bench)
    size = 1024 * MIB
    free = free_memory(bench)
    if free is not None and free < 3 * size:
        size = free // 4
    if bench.kind == "cpu":
        size = 8 * MIB
    source = torch.empty(size // 4, dtype=torch.float32, device=bench.device).fill_(1.0)
    target = torch.empty_like(source)
    with Sampler(bench) as sampler:
        seconds = measure(bench, lambda: target.copy_(source), 3, 20)
    what = f"copy of {size // MIB} MiB{sampler.clock()} on {facts.name}"
    return judge_speed(2 * size / seconds / 1e9, reference_of(facts, "memory"), "GB/s", what)


# GB/s of one lane in one direction, after encoding (PCI Express base specification, generations 1 to 6).
LANE = {1: 0.25, 2: 0.5, 3: 0.985, 4: 1.969, 5: 3.938, 6: 7.563}
PCIE_SHARE, PCIE_VERY_SLOW, PCIE_IMPOSSIBLE = 0.70, 0.175, 1.05


class Link(NamedTuple):
    """A PCI Express link as it was negotiated while data went over it."""

    generation: int
    width: int
    widest: int


def check_pcie(bench: Bench, measure: Measure = timed, link: Link | None = None) -> Result:
    """Copy 256 MiB of pinned memory to the device and back, and compare with the link as it is negotiated."""
    torch = bench.torch
    here = torch.ones(256 * MIB // 4 if bench.kind != "cpu" else 2 * MIB, dtype=torch.float32)
    with contextlib.suppress(RuntimeError):  # a CPU build pins nothing
        here = here.pin_memory()
    there = torch.empty_like(here, device=bench.device)
    size = here.numel() * 4
    with Sampler(bench, 0.02) as sampler:
        up = size / measure(bench, lambda: there.copy_(here, non_blocking=True), 3, 10) / 1e9
        down = size / measure(bench, lambda: here.copy_(there, non_blocking=True), 3, 10) / 1e9
    if link is None and bench.kind == "hip":
        link = link_of_amd()
    generation, width, widest = (sampler.most(name) for name in ("generation", "width", "widest"))
    if link is None and generation and width:
        link = Link(generation, width, widest or width)
    return judge_pcie(up, down, link)


def link_of_amd(folder: str = "/sys/bus/pci/drivers/amdgpu") -> Link | None:
    """Read the link of the only AMD card from sysfs; None where there are several or it does not tell."""
    cards = [path.parent for path in Path(folder).glob("*/current_link_width")]
    if len(cards) != 1:
        return None
    (card,) = cards
    try:
        speed = float((card / "current_link_speed").read_text(encoding="ascii").split()[0])
        width, widest = (
            int((card / name).read_text(encoding="ascii")) for name in ("current_link_width", "max_link_width")
        )
    except (OSError, ValueError, IndexError):
        return None
    generation = {2.5: 1, 5.0: 2, 8.0: 3, 16.0: 4, 32.0: 5, 64.0: 6}.get(speed)
    return Link(generation, width, widest) if generation else None


def judge_pcie(up: float, down: float, link: Link | None) -> Result:
    """Judge the speed of a link in GB/s; a narrow or slow one is a warning."""
    slower = min(up, down)
    figures = f"{up:.1f} GB/s to the device, {down:.1f} back"
    theory = LANE.get(link.generation, 0.0) * link.width if link else 0.0
    if not link or not theory:
        return Result("skip", slower, "GB/s", None, f"{figures}, and the driver does not tell which link there is")
    text = f"{figures}; the link is generation {link.generation} x{link.width}, {theory:.1f} GB/s in theory"
    if max(up, down) > PCIE_IMPOSSIBLE * theory:
        return Result("error", None, "GB/s", None, f"{text}: the timing is wrong", "timing-wrong")
    if not slower >= PCIE_VERY_SLOW * theory:
        return Result("fail", slower, "GB/s", PCIE_VERY_SLOW * theory, text, "pcie-slow")
    if link.width < link.widest:
        text += f", and both ends could do x{link.widest}"
        return Result("warn", slower, "GB/s", PCIE_SHARE * theory, text, "pcie-slow")
    if slower < PCIE_SHARE * theory:
        return Result("warn", slower, "GB/s", PCIE_SHARE * theory, text, "pcie-slow")
    return Result("pass", slower, "GB/s", PCIE_SHARE * theory, text)


# Bits of nvmlDeviceGetCurrentClocksEventReasons that mean trouble. 0x4, the power cap, is normal under load.
BAD_CLOCKS = {0x8: "hardware slowdown", 0x20: "too hot (software)", 0x40: "too hot (hardware)", 0x80: "power brake"}
BAD_SHARE = 0.05


def check_throttle(bench: Bench, samples: Sequence[Mapping[str, int]] | None = None) -> Result:
    """Keep the GPU busy for five seconds and ask the driver all the while whether it holds the clock down."""
    if samples is None:
        torch = bench.torch
        size = 4096
        left = bench.put(bench.normal(size, size, seed=124)).to(bench.dtype("fp16"))
        out = torch.empty_like(left)
        with Sampler(bench) as sampler:
            end = time.perf_counter() + 5.0
            while time.perf_counter() < end:
                for _ in range(10):
                    torch.matmul(left, left, out=out)
                bench.wait()
        samples = sampler.samples
    return judge_throttle(samples)


def judge_throttle(samples: Sequence[Mapping[str, int]]) -> Result:
    """Judge what was sampled under load; a reason in more than one of twenty samples counts."""
    reasons = [sample["reasons"] for sample in samples if "reasons" in sample]
    if not reasons:
        raise Skip("NVML does not tell why clocks change")
    bad = {name: sum(bool(found & bit) for found in reasons) / len(reasons) for bit, name in BAD_CLOCKS.items()}
    hottest = max((sample.get("temperature", 0) for sample in samples), default=0)
    share, name = max((share, name) for name, share in bad.items())
    capped = sum(bool(found & 0x4) for found in reasons) / len(reasons)
    text = f"{len(reasons)} samples under load, at most {hottest} degrees C; at the power cap in {capped:.0%}"
    if share > BAD_SHARE:
        return Result("warn", share, "of samples", BAD_SHARE, f"{name} in {share:.0%}: {text}", "gpu-throttled")
    return Result("pass", share, "of samples", BAD_SHARE, text)


# --------------------------------------------------------------------------------------------------
# Several processes: each device has one, or the CPU has two
# --------------------------------------------------------------------------------------------------


class Ended(NamedTuple):
    """How a process of a group ended: `answered`, `died` or `hung`; `said` is its answer or its last words."""

    how: str
    said: Any


def run_members(
    task: str, bench: Bench, seconds: float, settings: Mapping[str, Any] | None = None, **variables: str
) -> list[Ended]:
    """Run a task in one process for each device at once, and tell how each ended.

    They find each other through a file, so that no port and no name of this host is needed.
    """
    seconds *= bench.wishes.timeout_scale
    environ = {**os.environ, **variables}
    # The processes are on one machine: the loopback is the only interface that is surely there.
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    if sys.platform != "win32":
        environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
        environ.setdefault("NCCL_SOCKET_IFNAME", loopback)
    with tempfile.TemporaryDirectory(prefix="tensor-probe-") as folder:
        processes = []
        outputs = []
        for rank, device in enumerate(bench.devices):
            request = {
                "task": task,
                "rank": rank,
                "world": len(bench.devices),
                "device": device,
                "kind": bench.kind,
                "level": bench.level,
                "store": os.path.join(folder, "store"),  # noqa: PTH118 - a string is wanted
                "seconds": seconds,
                **(settings or {}),
            }
            outputs.append((Path(folder) / f"out{rank}", Path(folder) / f"err{rank}"))
            with outputs[-1][0].open("wb") as out, outputs[-1][1].open("wb") as errors:
                command = [*this_script(), "--member", json.dumps(request)]
                processes.append(
                    subprocess.Popen(command, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=errors)
                )
        try:
            hung = wait_for_all(processes, seconds)
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()
                process.wait()
        return [
            ended(
                process.returncode,
                rank in hung,
                *(path.read_text(encoding="utf-8", errors="replace") for path in paths),
            )
            for rank, (process, paths) in enumerate(zip(processes, outputs))  # noqa: B905 - Python 3.9 has no strict
        ]


def wait_for_all(processes: Sequence[subprocess.Popen[bytes]], seconds: float) -> set[int]:
    """Wait until all have ended; once one has died the others get a moment. Gives the numbers of those that hung."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        states = [process.poll() for process in processes]
        if None not in states:
            return set()
        if any(states):
            end = min(end, time.monotonic() + DYING_SECONDS)
        time.sleep(0.05)
    return {number for number, process in enumerate(processes) if process.poll() is None}


def ended(status: int, hung: bool, out: str, errors: str) -> Ended:
    """Tell how a process ended from its status and what it wrote."""
    answers = [line[len(ANSWER) :] for line in out.splitlines() if line.startswith(ANSWER)]
    if answers and not status:
        return Ended("answered", json.loads(answers[-1]))
    said = summarize_stderr(errors)
    # The second is a process that watched its own clock: what faulthandler writes, and how it ends.
    if hung or (status == 1 and "Timeout (" in errors):
        return Ended("hung", said)
    return Ended("died", f"{death_of(status)[0]}; {said}")


def member(request: Mapping[str, Any]) -> int:
    """Do one process's part of a task and print the answer."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii", newline="\n")
    os.dup2(2, 1)
    faulthandler.enable()
    faulthandler.dump_traceback_later(max(request["seconds"] - 1.0, 0.2), exit=False)
    torch = load_torch()
    bench = Bench(torch, request["device"], request["kind"], request["level"])
    bench.choose()
    answer = MEMBER_TASKS[request["task"]](bench, request)
    faulthandler.cancel_dump_traceback_later()
    answers.write(ANSWER + json.dumps(answer) + "\n")
    answers.flush()
    # Some back ends hang or crash when they are taken down, which is no finding about the test.
    os._exit(STATUS_OK)


def joined(request: Mapping[str, Any]) -> Any:
    """Join the group of processes and give torch.distributed."""
    timedelta = importlib.import_module("datetime").timedelta
    dist = importlib.import_module("torch.distributed")
    dist.init_process_group(
        request["backend"],
        init_method="file:///" + request["store"].lstrip("/").replace(os.sep, "/"),
        rank=request["rank"],
        world_size=request["world"],
        timeout=timedelta(seconds=60),
    )
    return dist


def backend_of(bench: Bench) -> str:
    """Name the collective library: NCCL (RCCL goes by its name), else gloo."""
    return "nccl" if bench.kind in ("cuda", "hip") else "gloo"


EXCHANGED = (1 << 16) + 3
UNSUPPORTED = re.compile(r"not (support|implement)|unsupported", re.IGNORECASE)


def exchange(torch: Any, dist: Any, rank: int, world: int, device: str) -> dict[str, Any]:
    """Do each collective operation on whole numbers; name those whose result is wrong, and those not supported."""

    def part(of: int, shift: int = 0) -> Any:
        return (torch.arange(EXCHANGED) % 97 + 100 * of + shift).float().to(device)

    def all_reduce() -> bool:
        x = part(rank)
        dist.all_reduce(x)
        return bool(torch.equal(x, sum(map(part, range(world)))))

    def all_gather() -> bool:
        parts = [torch.empty_like(part(rank)) for _ in range(world)]
        dist.all_gather(parts, part(rank))
        return all(torch.equal(got, part(of)) for of, got in enumerate(parts))

    def reduce_scatter() -> bool:
        out = torch.empty_like(part(rank))
        dist.reduce_scatter(out, [part(rank, to) for to in range(world)])
        return bool(torch.equal(out, sum(part(of, rank) for of in range(world))))

    def broadcast() -> bool:
        x = part(rank)
        dist.broadcast(x, src=world - 1)
        return bool(torch.equal(x, part(world - 1)))

    ran, wrong, missing = [], [], []
    for operation in (all_reduce, all_gather, reduce_scatter, broadcast):
        name = operation.__name__
        try:
            right = operation()
        except (RuntimeError, NotImplementedError) as error:
            if not UNSUPPORTED.search(str(error)):
                raise
            missing.append(name)
            continue
        ran.append(name)
        if not right:
            wrong.append(name)
    return {"ran": ran, "wrong": wrong, "missing": missing}


def member_collectives(bench: Bench, request: Mapping[str, Any]) -> dict[str, Any]:
    """Exchange small and large tensors with the other processes."""
    torch, world, rank = bench.torch, request["world"], request["rank"]
    dist = joined(request)
    found = exchange(torch, dist, rank, world, bench.device)
    size = 64 * MIB
    big = torch.full((size // 4,), float(rank + 1), device=bench.device)
    dist.all_reduce(big)
    if not bool((big == world * (world + 1) / 2).all().to("cpu")):
        found["wrong"].append("all_reduce of 64 MiB")
    runs = 10 if bench.kind != "cpu" else 2
    bench.wait()
    start = time.perf_counter()
    for _ in range(runs):
        dist.all_reduce(big)
    bench.wait()
    seconds = (time.perf_counter() - start) / runs
    # nccl-tests: the bus carries 2(n - 1)/n times the data of an all-reduce.
    found["busbw"] = size / seconds / 1e9 * 2 * (world - 1) / world
    dist.barrier()
    return found


MEMBER_SECONDS = 150.0
# What is switched off, one at a time, to find the way of the data that hangs.
NCCL_SWITCHES = (("NCCL_P2P_DISABLE", "nccl-p2p-hang-acs"), ("NCCL_SHM_DISABLE", "shm-too-small"))


def check_collectives(bench: Bench, run: Callable[..., list[Ended]] | None = None) -> Result:
    """Exchange whole numbers between all devices; a hang is tried again with one way of the data switched off."""
    run = run or run_members
    backend = backend_of(bench)
    settings = {"backend": backend}
    ends = run("collectives", bench, MEMBER_SECONDS, settings)
    bad = [end for end in ends if end.how != "answered"]
    if not bad:
        return judge_collectives(backend, [end.said for end in ends])
    text = f"{backend}: of {len(ends)} processes {len(bad)} {bad[0].how}: {bad[0].said}"
    cause = cause_of(text)
    if backend == "nccl":
        for name, named in NCCL_SWITCHES:
            if all(end.how == "answered" for end in run("collectives", bench, MEMBER_SECONDS, settings, **{name: "1"})):
                return Result("fail", detail=f"{text}; with {name}=1 it works", hint=named)
    if any(end.how == "hung" for end in bad):
        return Result("timeout", detail=text, hint=cause or "check-hung")
    return Result("fail", detail=text, hint=cause or "operation-failed")


def judge_collectives(backend: str, found: Sequence[Mapping[str, Any]]) -> Result:
    """Judge what all processes found about the collective operations."""
    wrong = sorted({name for one in found for name in one["wrong"]})
    if wrong:
        text = f"{backend} between {len(found)} processes is wrong: {', '.join(wrong)}"
        return Result(
            "fail",
            len(wrong),
            "wrong operations",
            0,
            text,
            "nccl-p2p-hang-acs" if backend == "nccl" else "wrong-results",
        )
    text = f"{backend}: {', '.join(found[0]['ran'])} between {len(found)} processes, exact"
    if found[0]["missing"]:
        text += f" (not supported: {', '.join(found[0]['missing'])})"
    return Result("pass", min(one["busbw"] for one in found), "GB/s", None, text)


SPLIT_STEPS, SPLIT_RTOL, SPLIT_ATOL = 5, 1e-4, 1e-5


def train_split(
    bench: Bench,
    dist: Any,
    rank: int,
    world: int,
    wrap: Callable[[Any], Any],
    after_backward: Callable[[Any], None] | None = None,
) -> dict[str, Any]:
    """Train on a part of each batch with the others, and alone on the whole; tell how far the weights differ."""
    torch = bench.torch
    images, labels = patches(bench, 24 * world)
    cross_entropy = torch.nn.functional.cross_entropy

    def trained(model: Any, network: Any, chosen: slice, after: Callable[[Any], None] | None) -> Any:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        x, y = bench.put(images[chosen]), bench.put(labels[chosen])
        for _ in range(SPLIT_STEPS):
            optimizer.zero_grad()
            cross_entropy(network(x), y).backward()
            if after is not None:
                after(model)
            optimizer.step()
        return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])

    with strict_math(torch):
        model = small_cnn(bench)
        mine = trained(model, wrap(model), slice(rank, None, world), after_backward)
        model = small_cnn(bench)
        first = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
        alone = trained(model, model, slice(None), None)
    everyone = [torch.empty_like(mine) for _ in range(world)]
    dist.all_gather(everyone, mine)
    gap = (mine - alone).abs() / (SPLIT_ATOL + SPLIT_RTOL * alone.abs())
    return {
        "same": all(torch.equal(mine, other) for other in everyone),
        "gap": float(gap.max().to("cpu")),
        "moved": float((mine - first).abs().max().to("cpu")),
    }


def member_ddp(bench: Bench, request: Mapping[str, Any]) -> dict[str, Any]:
    """Train with DistributedDataParallel."""
    dist = joined(request)
    parallel = importlib.import_module("torch.nn.parallel").DistributedDataParallel
    own = {"device_ids": [index_of(bench.device)]} if bench.kind in ("cuda", "hip") else {}
    return train_split(bench, dist, request["rank"], request["world"], lambda model: parallel(model, **own))


def check_ddp(bench: Bench, run: Callable[..., list[Ended]] | None = None) -> Result:
    """Train the small network with DistributedDataParallel; the weights must be those of one device alone."""
    ends = (run or run_members)("ddp", bench, MEMBER_SECONDS, {"backend": backend_of(bench)})
    for end in ends:
        if end.how != "answered":
            text = f"DistributedDataParallel: a process {end.how}: {end.said}"
            cause = cause_of(text)
            if end.how == "hung":
                return Result("timeout", detail=text, hint=cause or "check-hung")
            return Result("fail", detail=text, hint=cause or "operation-failed")
    return judge_ddp([end.said for end in ends])


def judge_ddp(found: Sequence[Mapping[str, Any]]) -> Result:
    """Judge the weights of all processes."""
    gap = max(one["gap"] for one in found)
    if not all(one["same"] for one in found):
        return Result("fail", gap, "x allowed", 1, "the weights differ between the processes", "wrong-results")
    if not gap <= 1:
        text = f"the weights differ from those of one device alone, by {gap:.1f} times what is allowed"
        return Result("fail", gap, "x allowed", 1, text, "wrong-results")
    if not min(one["moved"] for one in found) > SPLIT_ATOL:
        return Result("fail", gap, "x allowed", 1, "no weight has moved in training", "wrong-results")
    return Result("pass", gap, "x allowed", 1, f"{SPLIT_STEPS} steps on {len(found)} processes equal those of one")


PAIR_SECONDS = 20.0


def member_p2p(bench: Bench, request: Mapping[str, Any]) -> list[Any]:
    """Copy between the pairs that are asked for; what is done is in the progress file even when this hangs."""
    done: list[Any] = []
    for source, target in request["pairs"]:
        # The first use of a device sets it up, which takes long. A hang ends this process, whatever it is stuck in.
        faulthandler.dump_traceback_later(request["stall"] * (1 if done else 3), exit=True)
        with open(request["progress"], "a", encoding="ascii") as progress:  # noqa: PTH123 - flushed at once
            progress.write(json.dumps([source, target]) + "\n")
        reachable = bool(bench.torch.cuda.can_device_access_peer(index_of(source), index_of(target)))
        done.append([source, target, reachable, wrong_words(bench, source, target)])
        with open(request["progress"], "a", encoding="ascii") as progress:  # noqa: PTH123
            progress.write(json.dumps(done[-1]) + "\n")
    return done


def wrong_words(bench: Bench, source: str, target: str, move: Callable[[Any, str], Any] | None = None) -> int:
    """Copy 16 MiB from one device to another and count what differs there and at the host."""
    torch = bench.torch
    move = move or (lambda tensor, device: tensor.to(device))
    pattern = torch.randint(-(2**62), 2**62, (2 * MIB,), generator=bench.generator(130))
    there = move(pattern.to(source), target)
    on_target = int((there != pattern.to(target)).sum().to("cpu"))
    return max(on_target, int((there.to("cpu") != pattern).sum()))


def check_p2p(bench: Bench, run: Callable[..., list[Ended]] | None = None) -> Result:
    """Copy a pattern between every two GPUs, on each pair with its own time limit."""
    run = run or run_members
    pairs = [[one, other] for one in bench.devices for other in bench.devices if one != other]
    claims = {tuple(pair): state for pair, state in p2p_states(bench).items()}
    found: list[list[Any]] = []
    hung: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="tensor-probe-") as folder:
        while pairs and len(hung) < MOST_CRASHES:
            progress = os.path.join(folder, f"progress{len(hung)}")  # noqa: PTH118 - a string is wanted
            alone = bench._replace(devices=bench.devices[:1])
            seconds = IMPORT_SECONDS / 3 + PAIR_SECONDS * len(pairs)
            (end,) = run(
                "p2p",
                alone,
                seconds,
                {"pairs": pairs, "progress": progress, "stall": PAIR_SECONDS * bench.wishes.timeout_scale},
            )
            if end.how == "answered":
                found += end.said
                break
            lines = [json.loads(line) for line in read_or_empty(progress).splitlines()]
            finished = [line for line in lines if len(line) > 2]  # noqa: PLR2004 - a pair that was begun has two
            found += finished
            begun = [line for line in lines if len(line) == 2]  # noqa: PLR2004
            if len(begun) <= len(finished):
                return Result(
                    "fail",
                    detail=f"copies between GPUs: the process {end.how}: {end.said}",
                    hint=cause_of(end.said) or "operation-failed",
                )
            hung.append(begun[-1])
            pairs = pairs[pairs.index(begun[-1]) + 1 :]
    return judge_p2p(found, hung, claims)


def read_or_empty(path: str) -> str:
    """Read a file that may not be there."""
    try:
        return Path(path).read_text(encoding="ascii")
    except OSError:
        return ""


def p2p_states(bench: Bench) -> dict[tuple[str, str], str]:
    """Ask NVML why two GPUs cannot reach each other; empty where they can or it does not tell."""
    if bench.kind != "cuda":
        return {}
    found = {}
    with contextlib.suppress(OSError):
        nvml = Nvml()
        handles = {device: nvml.handle(index_of(device)) for device in bench.devices}
        for one, first in handles.items():
            for other, second in handles.items():
                state = nvml.one("nvmlDeviceGetP2PStatus", first, second, 0) if one != other else None
                if state:
                    found[(one, other)] = P2P_STATES.get(state, "unknown")
    return found


def judge_p2p(found: Sequence[Sequence[Any]], hung: Sequence[Sequence[str]], claims: Mapping[Any, str]) -> Result:
    """Judge copies between GPUs: [source, target, whether they claim direct access, wrong words] each."""
    if hung:
        text = "copies hang: " + ", ".join(f"{source} to {target}" for source, target in hung)
        return Result("timeout", len(hung), "pairs", 0, text, "nccl-p2p-hang-acs")
    wrong = [(source, target, count) for source, target, _, count in found if count]
    if wrong:
        text = "copies arrive changed: " + ", ".join(
            f"{source} to {target} {count} words" for source, target, count in wrong
        )
        return Result("fail", len(wrong), "pairs", 0, text, "nccl-p2p-hang-acs")
    direct = sum(bool(reachable) for _, _, reachable, _ in found)
    text = f"{len(found)} pairs, {direct} of them with direct access, all bits equal"
    reasons = sorted(set(claims.values()))
    if reasons:
        text += f"; no direct access because of: {', '.join(reasons)}"
    return Result("pass", 0, "wrong pairs", 0, text)


def soak(bench: Bench, seconds: float, matmul: Callable[[Any, Any], Any] | None = None) -> dict[str, Any]:
    """Multiply whole numbers again and again and compare every result bit for bit; TF32 is exact here as well."""
    torch, entry = bench.torch, EXACT["fp32"]
    matmul = matmul or torch.matmul
    size = 128 if bench.kind == "cpu" else 2048
    left = bench.whole(*entry.full, (size, entry.k), seed=140)
    right = bench.whole(*entry.full, (entry.k, size), seed=141)
    want = bench.put(exact_product(left, right).float())
    on_left, on_right = bench.put(left.float()), bench.put(right.float())
    runs = wrong = 0
    start = time.perf_counter()
    with strict_math(torch, tf32=bench.kind == "cuda"), Sampler(bench) as sampler:
        while not runs or time.perf_counter() - start < seconds:
            for _ in range(20):
                wrong += int((matmul(on_left, on_right) != want).any().to("cpu"))
                runs += 1
    taken = time.perf_counter() - start
    return {
        "device": bench.device,
        "name": facts_of(bench).name if bench.kind != "cpu" else "cpu",
        "runs": runs,
        "wrong": wrong,
        "speed": runs * 2 * size * size * entry.k / taken / 1e12,
        "reasons": [sample["reasons"] for sample in sampler.samples if "reasons" in sample],
        "hottest": sampler.most("temperature"),
    }


def check_soak(bench: Bench, run: Callable[..., list[Ended]] | None = None) -> Result:
    """Keep all devices busy at once for minutes with exact products; none may ever be wrong."""
    seconds = bench.wishes.soak_seconds
    ends = (run or run_members)("soak", bench, seconds + MEMBER_SECONDS, {"duration": seconds})
    for device, end in zip(bench.devices, ends):  # noqa: B905 - Python 3.9 has no strict
        if end.how != "answered":
            text = f"{device}: the process {end.how}: {end.said}"
            return Result(
                "timeout" if end.how == "hung" else "fail", detail=text, hint=cause_of(text) or "operation-failed"
            )
    return judge_soak([end.said for end in ends], seconds)


MOST_SPREAD = 0.10


def judge_soak(found: Sequence[Mapping[str, Any]], seconds: float) -> Result:
    """Judge a long run on all devices: no wrong result, equal cards equally fast, no throttling."""
    wrong = {one["device"]: one["wrong"] for one in found if one["wrong"]}
    runs = sum(one["runs"] for one in found)
    if wrong:
        text = f"of {runs} products some were wrong: " + ", ".join(
            f"{device} {count}" for device, count in wrong.items()
        )
        return Result("fail", sum(wrong.values()), "wrong products", 0, text, "wrong-results")
    text = f"{runs} products in {seconds:.0f} s, all exact: " + ", ".join(
        f"{one['device']} {one['speed']:.3g} TFLOPS" for one in found
    )
    for name in sorted({one["name"] for one in found}):
        speeds = [one["speed"] for one in found if one["name"] == name]
        spread = 1 - min(speeds) / max(speeds)
        if spread > MOST_SPREAD:
            text += f"; equal cards ({name}) differ by {spread:.0%}"
            return Result("warn", spread, "spread", MOST_SPREAD, text, "gpu-slow")
    for one in found:
        throttled = judge_throttle([{"reasons": reason} for reason in one["reasons"]]) if one["reasons"] else None
        if throttled and throttled.status == "warn":
            return throttled._replace(detail=f"{one['device']}: {throttled.detail}; {text}")
    return Result("pass", 0, "wrong products", 0, text)


MEMBER_TASKS: dict[str, Callable[[Bench, Mapping[str, Any]], Any]] = {
    "collectives": member_collectives,
    "ddp": member_ddp,
    "p2p": member_p2p,
    "soak": lambda bench, request: soak(bench, request["duration"]),
}


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
    return Spec(f"matmul-{name}", "quick", lambda bench: check_matmul(bench, name), kinds, 120.0)


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
    Spec("cudnn", "quick", check_conv, ("cuda",)),
    Spec("conv", "quick", check_conv, ("cpu", "hip", "xpu", "mps")),
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
    Spec("tflops-fp32", "standard", check_tflops_single, GPUS, 120.0),
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
        seconds=120.0,
        group="companions",
        hindrance=lambda: "" if installed_companions() else "no companion package is installed",
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
                devices, notes = tuple(request.get("devices", ())), request.get("notes", {})
                bench = Bench(torch, request["device"], request["kind"], wishes.level, wishes, devices, notes)
                spec = BY_ID[request["check"]]
                # Checks of several devices start processes of their own, and the card may take only one;
                # health must be asked even where the device cannot be used at all.
                alone = bool(spec.kinds) and not spec.together and spec.run is not check_health
                if alone:
                    bench.choose()
                result = spec.run(bench)
                if result.status == "pass" and alone:
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
        index = index_of(request["device"])
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

    def ask(self, check: str, device: str, kind: str, seconds: float, **more: Any) -> dict[str, Any]:
        """Run one check and give its answer; a death or a hang is an answer too. `more` goes with the request."""
        limit = seconds * self.scale
        if self.process is None:
            self.start()
            limit = max(limit, seconds * self.scale + IMPORT_SECONDS * self.scale) if check != "import" else limit
        process = self.process
        assert process is not None  # noqa: S101 - start() has set it
        assert process.stdin is not None  # noqa: S101 - start() asked for a pipe
        request = {"check": check, "device": device, "kind": kind, "seconds": limit, **more}
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
        command = [*this_script(), "--worker", *self.arguments]
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


def this_script() -> list[str]:
    """Give the command that runs this file again, as it is run now."""
    return [sys.executable, *interpreter_flags(), os.path.abspath(__file__)]  # noqa: PTH100 - a string is wanted


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
        self.notes: dict[str, dict[str, Any]] = {}
        self.without_kernels: set[str] = set()
        self.group = "core"
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
        per_device = [spec for spec in specs if spec.kinds and not spec.together and not spec.last]
        if not self.devices:
            self.not_reached([(spec, None) for spec in per_device], "there is no device to test")
        for device in self.devices:
            self.test_device(device, [spec for spec in per_device if device["kind"] in spec.kinds])
        for spec in specs:
            if spec.together:
                self.test_together(spec)
        for device in self.devices:
            for spec in specs:
                if spec.last and device["kind"] in spec.kinds:
                    self.worker.stop()
                    notes = self.notes.get(device["device"], {})
                    answer = self.worker.ask(spec.id, device["device"], device["kind"], spec.seconds, notes=notes)
                    self.add(spec.id, spec.level, device["device"], answer)

    def test_together(self, spec: Spec) -> None:
        """Run a check that uses all devices of one kind at once; a CPU stands for two devices."""
        fitting = [device for device in self.devices if device["kind"] in spec.kinds]
        if not fitting:
            return
        kind = fitting[0]["kind"]
        names = [device["device"] for device in fitting if device["device"] not in self.without_kernels]
        if kind == "cpu":
            names *= spec.together
        if len(names) < spec.together:
            self.add(spec.id, spec.level, None, skipped(f"needs {spec.together} GPUs that can be used"))
            return
        if self.group != spec.group:
            self.worker.stop()
            self.group = spec.group
        seconds = spec.seconds + (self.options.soak_seconds if spec.id == "soak" else 0)
        self.add(spec.id, spec.level, None, self.worker.ask(spec.id, names[0], kind, seconds, devices=names))

    def test_device(self, device: Mapping[str, Any], specs: Sequence[Spec]) -> None:
        """Run the checks of one device; give up on it after a few crashes in a row."""
        crashes = 0
        for position, spec in enumerate(specs):
            hindrance = spec.hindrance()
            if hindrance:
                self.add(spec.id, spec.level, device["device"], skipped(hindrance))
                continue
            if spec.group != self.group:
                self.worker.stop()
                self.group = spec.group
            answer = self.worker.ask(spec.id, device["device"], device["kind"], spec.seconds)
            self.add(spec.id, spec.level, device["device"], answer)
            rest = [(later, device["device"]) for later in specs[position + 1 :]]
            if spec.id == "arch" and answer["status"] == "fail":
                self.without_kernels.add(device["device"])
                without = str(answer["hint"]).startswith(("no-kernel-image", "rocm-unsupported"))
                self.not_reached(rest, "the build has no kernels for this GPU" if without else "the GPU cannot be used")
                return
            crashes = crashes + 1 if self.worker.process is None else 0
            if crashes >= MOST_CRASHES:
                self.not_reached(rest, f"{crashes} checks in a row ended the process")
                return

    def add(self, name: str, level: str, device: str | None, answer: dict[str, Any]) -> None:
        """Put one answer into the report."""
        extra = answer.pop("extra", None) or {}
        self.environment.update(extra.get("environment", {}))
        if device:
            self.notes.setdefault(device, {}).update(extra.get("notes", {}))
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
    parser.add_argument(
        "--soak-seconds", type=float, default=SOAK_SECONDS, metavar="S", help="how long the soak of the level full runs"
    )
    parser.add_argument("--no-scrub", action="store_true", help="keep paths below home, host name and GPU serials")
    parser.add_argument("--list", action="store_true", help="list the checks of the level and stop")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--member", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if not options.soak_seconds > 0:
        parser.error("--soak-seconds must be above 0")
    if not options.timeout_scale > 0:
        parser.error("--timeout-scale must be above 0")
    return options


def worker_arguments(options: argparse.Namespace) -> list[str]:
    """Pass on to the worker what its checks need."""
    arguments = ["--level", options.level, "--gpu-expected", options.gpu_expected]
    arguments += ["--soak-seconds", str(options.soak_seconds), "--timeout-scale", str(options.timeout_scale)]
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
        wishes = Wishes(options.level, options.expect_version, options.expect_variant, options.gpu_expected)
        return work(wishes._replace(soak_seconds=options.soak_seconds, timeout_scale=options.timeout_scale))
    if options.member:
        return member(json.loads(options.member))
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
