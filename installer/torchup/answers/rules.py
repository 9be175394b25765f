"""What each text answer may be. A rule returns the text in its normal form, or raises ValueError saying what is allowed.

Every text has been through `one_line` before its own rule sees it.

No rule ever repeats a URL that holds credentials: their texts end up in logs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from torchup.answers.problems import did_you_mean, shown
from torchup.shell.kinds import CONDA, CONFIGURED
from torchup.shell.named_file import no_startup_file
from torchup.visible import hidden
from torchup.words import tr

_BARE_VERSION = re.compile(r"v?\d+(\.\d+)*(\.\*|((a|b|rc)\d+|\.post\d+)?(\.dev\d+)?)", re.ASCII)
_VARIANT = re.compile(r"auto|cpu|xpu|cu\d{2,3}|rocm\d+\.\d+(\.\d+)?", re.ASCII)
_PYTHON = re.compile(r"3\.\d{1,2}t?", re.ASCII)
_PACKAGE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_BRANCH = re.compile(r"\d{3,4}", re.ASCII)
# cuDNN, NCCL, cuSPARSELt, NVSHMEM and a few more do have real packages with this suffix.
_PLACEHOLDER = re.compile(
    r"nvidia-(?:cuda-[a-z-]+|cublas|cufft|cufile|curand|cusolver|cusparse|npp|nvjitlink|nvjpeg|nvtx|nvfatbin)-cu13"
)
_CUDA = re.compile(r"\d{1,2}\.\d{1,2}", re.ASCII)
_GPU_ID = re.compile(r"(GPU|MIG)-[0-9A-Za-z][0-9A-Za-z/-]*", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_CHANNEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+)*", re.ASCII)
_RELEASE = re.compile(r"\d+(\.\d+)?", re.ASCII)
# What may follow the # of a package's address; the empty one is an address without.
_OF_ADDRESSES = frozenset({"", "sha256", "sha384", "sha512", "egg", "subdirectory"})
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`check` gives the normal form of a text or raises ValueError; `pattern` says part of it to editors."""

    check: Callable[[str], str]
    pattern: str | None = None


def one_line(text: str) -> str:
    """Refuse what no answer holds: line breaks, control characters, marks that hide or turn letters round."""
    bad = hidden(text)
    if bad is not None:
        raise ValueError(tr("the character U+{code:04X} has no place here; write one line of text", code=ord(bad)))
    return text


def torch_version(text: str) -> str:
    """Take `latest`, a PEP 440 specifier, or a bare version: `2.13` means `==2.13.*`, and `2.13.0` that release."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    text = text.strip()
    if text == "latest":
        return text
    if "+" in text:
        raise ValueError(tr("write the version without what follows the +; torch.variant says which build"))
    bare = text.removeprefix("v")
    if _BARE_VERSION.fullmatch(bare):
        text = f"=={bare}.*" if _RELEASE.fullmatch(bare) else f"=={bare}"
    try:
        empty = not len(SpecifierSet(text))
    except InvalidSpecifier:
        raise ValueError(
            tr('{text} is no version; write latest, "2.13.0", "2.13" or ">=2.12,<2.14"', text=shown(text))
        ) from None
    if empty:
        raise ValueError(tr('no version is given; write latest, "2.13.0", "2.13" or ">=2.12,<2.14"'))
    return text


def variant(text: str) -> str:
    """Take `auto`, `cpu`, `xpu`, `cu126` and the like, or `rocm7.2`."""
    if _VARIANT.fullmatch(text):
        return text
    plain = re.fullmatch(r"(?:cuda|cu)?[ -]?(\d{1,2})\.(\d)", text.strip().lower())
    hint = tr('; did you mean "cu{number}"?', number=plain.group(1) + plain.group(2)) if plain else ""
    hint = hint or did_you_mean(text, ["auto", "cpu", "xpu"])
    raise ValueError(
        tr(
            "{text} is no variant; write auto, cpu, cu126 (CUDA 12.6), rocm7.2 or xpu{hint}",
            text=shown(text),
            hint=hint,
        )
    )


def python_version(text: str) -> str:
    """Take `auto`, `3.12`, `3.13t` (free-threaded) or the path of an interpreter."""
    if text == "auto" or _PYTHON.fullmatch(text):
        return text
    if text.startswith(("/", "~")) or _DRIVE.match(text):
        return path(text)
    exact = re.fullmatch(r"(?:python-?)?(3\.\d{1,2}t?)(\.\d+)?", text.strip())
    hint = tr('; did you mean "{version}"?', version=exact.group(1)) if exact else ""
    raise ValueError(
        tr(
            '{text} is no Python; write auto, "3.12", "3.13t" or the path of an interpreter{hint}',
            text=shown(text),
            hint=hint,
        )
    )


def path(text: str) -> str:
    """Take an absolute path, or one that begins with `~/`."""
    if not (text.startswith(("/", "~/")) or text == "~" or _DRIVE.match(text)):
        raise ValueError(tr("{text} is no absolute path; begin it with / or ~/", text=shown(text)))
    return text


def search_path(text: str) -> str:
    """Take a path that can stand in PATH, where a colon separates."""
    path(text)
    if ":" in (text[2:] if _DRIVE.match(text) else text):
        raise ValueError(
            tr("{text} holds a colon, which separates the folders in PATH; choose another folder", text=shown(text))
        )
    return text


def environment_path(text: str) -> str:
    """Take the folder of an environment: not the home or the whole file system."""
    search_path(text)
    if not text.strip("/~."):
        raise ValueError(
            tr("{text} is no folder for an environment; write one such as ~/.venvs/torch", text=shown(text))
        )
    return text


def startup_file(text: str) -> str:
    """Take the path of a file that may be the start-up file of a shell."""
    path(text)
    instead = no_startup_file(text)
    if instead is not None:
        raise ValueError(tr("{text} is no start-up file of a shell, but {kind}", text=shown(text), kind=instead))
    return text


def environment_name(text: str) -> str:
    """Take a conda environment's name."""
    if not _NAME.fullmatch(text):
        raise ValueError(tr("{text} is no name; use letters, digits, '.', '_' and '-'", text=shown(text)))
    return text


def package(text: str) -> str:
    """Take the name of a package, without version or extras."""
    if not _PACKAGE.fullmatch(text):
        raise ValueError(tr("{text} is no package name; versions and options do not belong here", text=shown(text)))
    return text


def requirement(text: str) -> str:
    """Take a requirement in any form of PEP 508, such as `numpy>=2`; not PyTorch itself, and no option."""
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    text = text.strip()
    if text.startswith("-"):
        raise ValueError(
            tr("{text} is an option; extras are packages, and their sources are set under source", text=shown(text))
        )
    try:
        parsed = Requirement(text)
    except InvalidRequirement:
        raise ValueError(tr("{text} is no requirement such as numpy or numpy>=2", text=shown(text))) from None
    if parsed.url is not None:
        _address(parsed.url)
    name = canonicalize_name(parsed.name)
    if name == "torch":
        raise ValueError(tr("torch is chosen by torch.version and torch.variant"))
    if _PLACEHOLDER.fullmatch(name):
        plain = name.removesuffix("-cu13")
        raise ValueError(
            tr(
                "{name} is an empty placeholder; the packages of CUDA 13 have no suffix: {plain}",
                name=parsed.name,
                plain=plain,
            )
        )
    return text


def _address(text: str) -> None:
    """Refuse the address of a package that is no URL, or holds what does not belong into answers."""
    plain, _, fragment = text.partition("#")
    try:
        url(plain.removeprefix("git+"))
    except ValueError as error:
        raise ValueError(tr("the address of the package: {problem}", problem=error)) from None
    if unknown := [part for part in fragment.split("&") if part.partition("=")[0] not in _OF_ADDRESSES]:
        raise ValueError(tr("the address of the package: {part} is not known behind #", part=shown(unknown[0])))


def driver_branch(text: str) -> str:
    """Take `auto` or a driver branch such as `580`."""
    if text != "auto" and not _BRANCH.fullmatch(text):
        raise ValueError(
            tr('{text} is no driver branch; write auto or a number in quotes such as "580"', text=shown(text))
        )
    return text


def cuda_version(text: str) -> str:
    """Take `auto` or a CUDA version such as `13.0`."""
    if text != "auto" and not _CUDA.fullmatch(text):
        raise ValueError(tr('{text} is no CUDA version; write auto or "13.0"', text=shown(text)))
    return text


def index(text: str) -> str:
    """Take `auto`, `pytorch`, `default`, `conda-forge` or a URL."""
    if text in ("auto", "pytorch", "default", "conda-forge"):
        return text
    if "/" not in text:
        near = did_you_mean(text, ["auto", "pytorch", "default", "conda-forge"])
        raise ValueError(
            tr(
                "{text} is no index; write auto, pytorch, default, conda-forge or a URL{near}",
                text=shown(text),
                near=near,
            )
        )
    return url(text)


def url(text: str, schemes: tuple[str, ...] = ("https", "http", "file")) -> str:
    """Take a URL without credentials, query and fragment."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(tr("this is no URL; look at its host and port")) from None
    if "@" in parts.netloc:
        raise ValueError(
            tr(
                "a URL here holds no user name, password or token; leave them to ~/.netrc, to pip's or uv's own configuration, or to HTTPS_PROXY"
            )
        )
    if parts.query or parts.fragment:
        raise ValueError(tr("a URL here ends before ? and #; a token does not belong into answers"))
    named = parts.hostname if parts.scheme != "file" else parts.path.startswith("/")
    if parts.scheme not in schemes or not named or re.search(r"\s|\\", text):
        wanted = tr(" or ").join(f"{scheme}://" for scheme in schemes)
        raise ValueError(tr("{text} is no URL; write one that begins with {wanted}", text=shown(text), wanted=wanted))
    return text


def proxy(text: str) -> str:
    """Take the URL of a proxy."""
    return url(text, ("http", "https", "socks5", "socks5h"))


def find_links(text: str) -> str:
    """Take a folder or a URL with links to wheels."""
    return url(text) if "://" in text else path(text)


def conda_channel(text: str) -> str:
    """Take the name of a conda channel, with a label where it has one, or a URL."""
    if "://" in text:
        return url(text)
    if not _CHANNEL.fullmatch(text):
        raise ValueError(tr("{text} is no conda channel; write a name such as conda-forge, or a URL", text=shown(text)))
    return text


def shell(text: str) -> str:
    """Take the name of a shell that torchup writes settings for, or `conda`."""
    if text not in SHELL_NAMES:
        raise ValueError(
            tr(
                "{text} is not one of {names}{hint}",
                text=shown(text),
                names=", ".join(SHELL_NAMES),
                hint=did_you_mean(text, SHELL_NAMES),
            )
        )
    return text


def section(text: str) -> str:
    """Take `*` or the name of a section."""
    if text not in ("*", *SECTIONS):
        raise ValueError(tr("{text} is no section{hint}", text=shown(text), hint=did_you_mean(text, SECTIONS)))
    return text


def gpu(value: object) -> int | str:
    """Take the index of a GPU, from 0, or its UUID."""
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, str) and _GPU_ID.fullmatch(value):
        return value
    raise ValueError(
        tr("{value} names no GPU; write its index such as 0, or its UUID (GPU-...)", value=shown(str(value)))
    )


SHELL_NAMES = (*CONFIGURED, CONDA)
SECTIONS = ("torch", "python", "environment", "driver", "cuda_toolkit", "shell", "source", "gpus", "verify")

# The rule for the text at a key, or for each item of a list.
RULES: dict[str, Rule] = {
    "torch.version": Rule(check=torch_version, pattern=r"^\s*(latest|v?\d.*|[~=!<>].*)$"),
    "torch.variant": Rule(check=variant, pattern=f"^({_VARIANT.pattern})$"),
    "torch.packages": Rule(check=package, pattern=f"^{_PACKAGE.pattern}$"),
    "python.version": Rule(check=python_version, pattern=rf"^(auto|{_PYTHON.pattern}|(/|~|[A-Za-z]:[\\/]).*)$"),
    "environment.path": Rule(check=environment_path, pattern=r"^(/|~/|[A-Za-z]:[\\/]).*$"),
    "environment.name": Rule(check=environment_name, pattern=f"^{_NAME.pattern}$"),
    "environment.extras": Rule(check=requirement),
    "driver.branch": Rule(check=driver_branch, pattern=f"^(auto|{_BRANCH.pattern})$"),
    "cuda_toolkit.version": Rule(check=cuda_version, pattern=f"^(auto|{_CUDA.pattern})$"),
    "cuda_toolkit.path": Rule(check=search_path, pattern=r"^(/|~|[A-Za-z]:[\\/]).*$"),
    "shell.shells": Rule(check=shell, pattern=f"^({'|'.join(SHELL_NAMES)})$"),
    "shell.rc": Rule(check=startup_file, pattern=r"^(/|~|[A-Za-z]:[\\/]).*$"),
    "source.index": Rule(check=index, pattern=r"^(auto|pytorch|default|conda-forge|(https?|file)://.+)$"),
    "source.mirror": Rule(check=url, pattern=r"^(https?|file)://.+$"),
    "source.find_links": Rule(check=find_links),
    "source.conda_channels": Rule(check=conda_channel),
    "source.proxy": Rule(check=proxy, pattern=r"^(https?|socks5h?)://.+$"),
    "source.ca_bundle": Rule(check=path, pattern=r"^(/|~|[A-Za-z]:[\\/]).*$"),
    "ask": Rule(check=section),
}
