"""The environment variables that matter for GPUs, Python and downloads, without their secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torchup.detect.notes import Notes
from torchup.detect.values import whole_number
from torchup.tokens import HIDDEN, without_tokens
from torchup.words import mark, tr

_NAMES = frozenset(
    {
        *("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT", "CUDNN_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"),
        *("NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_REQUIRE_CUDA", "NVCC_PREPEND_FLAGS"),
        *(
            "ROCM_PATH",
            "ROCM_HOME",
            "HIP_PATH",
            "HIP_VISIBLE_DEVICES",
            "ROCR_VISIBLE_DEVICES",
            "HSA_OVERRIDE_GFX_VERSION",
        ),
        *("ONEAPI_ROOT", "ZE_AFFINITY_MASK", "ONEAPI_DEVICE_SELECTOR", "DISPLAY", "LANG", "LC_ALL", "TERM"),
        *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH"),
        *("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "CONDA_EXE", "CONDA_OVERRIDE_CUDA", "MAMBA_EXE"),
        *("MAMBA_ROOT_PREFIX", "PYENV_ROOT", "PYENV_VERSION", "PYTHONHOME", "PYTHONPATH", "PYTHONNOUSERSITE"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
        *(
            "CURL_CA_BUNDLE",
            "NETRC",
            "TMPDIR",
            "SHELL",
            "ZDOTDIR",
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "XDG_CACHE_HOME",
        ),
        *("XDG_STATE_HOME", "SUDO_USER", "WSL_DISTRO_NAME", "WSL_INTEROP", "SNAP", "FLATPAK_ID", "LOADEDMODULES"),
        *("KUBERNETES_SERVICE_HOST", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", "container", "CI"),
        *("TORCH_CUDA_ARCH_LIST", "TORCH_HOME", "TORCH_DEVICE_BACKEND_AUTOLOAD", "USE_CUDA", "TRITON_LIBCUDA_PATH"),
    }
)
_PREFIXES = ("PIP_", "UV_", "PYTORCH_", "NCCL_", "CONDA_OVERRIDE_")
_HIDDEN_NAMES = r"(?i)TOKEN|PASSWORD|PASSWD|SECRET|CREDENTIAL|API_?KEY|ACCESS_?KEY|_AUTH\b|_KEY\b|USERNAME"
# A password may hold an @ itself, so everything up to the last one before the path is hidden.
_USER_INFO = r"(?<=://)[^/\s]*(?=@)"
_BARE_USER_INFO = r"^[^/\s]*(?=@)"
_QUERY = r"(\?)[^\s,;|]+"
_HIDDEN = HIDDEN


def relevant_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Pick the variables that matter, in alphabetical order, with secrets replaced by `***`.

    Credentials in URLs and whatever follows a URL's question mark are secrets, and so is every variable
    whose name says so.
    """
    wanted = sorted(name for name in environ if name.upper() in _NAMES or name in _NAMES or name.startswith(_PREFIXES))
    return {name: _HIDDEN if re.search(_HIDDEN_NAMES, name) else redact(name, environ[name]) for name in wanted}


def redact(name: str, value: str) -> str:
    """Hide the credentials in every URL of a variable's value; a proxy may be written without `http://`."""
    value = without_tokens(value)
    if "://" in value:
        return re.sub(_QUERY, rf"\1{_HIDDEN}", re.sub(_USER_INFO, _HIDDEN, value))
    return re.sub(_BARE_USER_INFO, _HIDDEN, value) if name.upper().endswith("_PROXY") else value


def note_environment(environ: Mapping[str, str], notes: Notes, *, gpus: int) -> None:
    """Note variables that hide GPUs or lead the loader and Python astray."""
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"):
        value = environ.get(name)
        if value is not None and hides_devices(value, gpus):
            notes.add("gpus-hidden", tr("{name} hides GPUs from every program.", name=name), f"{name}={value!r}")
    search = environ.get("LD_LIBRARY_PATH", "")
    if search and "" in search.split(":"):
        text = tr("LD_LIBRARY_PATH has an empty element, which makes the loader search the current folder.")
        notes.add("library-path-empty-element", text, f"LD_LIBRARY_PATH={search}")
    if any(re.search(r"cuda[^/]*/compat\b", entry) for entry in search.split(":")):
        text = tr("LD_LIBRARY_PATH has CUDA's compatibility libraries, which work on data-centre GPUs only.")
        notes.add("library-path-compat", text, f"LD_LIBRARY_PATH={search}")
    for name, what in (("LD_PRELOAD", mark("the loader")), ("PYTHONHOME", "Python"), ("PYTHONPATH", "Python")):
        if environ.get(name):
            code = f"{name.lower().replace('_', '-')}-set"
            notes.add(
                code,
                tr("{name} changes what {what} loads in every program.", name=name, what=tr(what)),
                f"{name}={environ[name]}",
            )
    if environ.get("HSA_OVERRIDE_GFX_VERSION"):
        text = tr("HSA_OVERRIDE_GFX_VERSION makes ROCm take the GPU for another one.")
        notes.add("gfx-override-set", text, f"HSA_OVERRIDE_GFX_VERSION={environ['HSA_OVERRIDE_GFX_VERSION']}")
    capabilities = environ.get("NVIDIA_DRIVER_CAPABILITIES")
    if capabilities and not {"all", "compute"} & set(capabilities.split(",")):
        text = tr("The container was not given the compute capability of the driver, so CUDA is missing in it.")
        notes.add("driver-capabilities-without-compute", text, f"NVIDIA_DRIVER_CAPABILITIES={capabilities}")


def hides_devices(value: str, gpus: int) -> bool:
    """Tell whether a list of visible devices hides some of the GPUs by position.

    CUDA reads the list up to the first entry that is no device. UUIDs are taken as right.
    """
    entries = [entry.strip() for entry in value.split(",")]
    if any(entry.startswith(("GPU-", "MIG-")) for entry in entries):
        return False
    visible = 0
    for entry in entries:
        number = whole_number(entry)
        if number is None or number >= gpus:
            break
        visible += 1
    return visible < gpus if gpus else value.strip() in {"", "-1"}
