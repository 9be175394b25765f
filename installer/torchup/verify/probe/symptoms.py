"""What an error message tells about its cause; the ids are explained in causes.json."""

from __future__ import annotations

import re

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


def cause_of(text: str) -> str | None:
    """Find the cause that an error text names; None when it names none that is known."""
    return next((cause for pattern, cause in SYMPTOMS if re.search(pattern, text)), None)
