"""The request: what the person wants, with the origin of every value (DESIGN section 4.2)."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from torchup.model.quick import dataclass

SCHEMA = 1

ShellName = str
"""The name of a shell, as `torchup.shell.kinds` knows them, or `conda`."""

VerifyLevel = Literal["quick", "standard", "full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchWish:
    """`version` is `latest` or a PEP 440 specifier; `variant` is `auto` or a name such as `cu126`."""

    version: str = "latest"
    variant: str = "auto"
    packages: tuple[str, ...] = ("torch", "torchvision", "torchaudio")


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonWish:
    """`version` is `auto`, `3.12`, `3.13t` (free-threaded) or the path of an interpreter."""

    version: str = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentWish:
    """Where PyTorch goes; `name` counts for conda only."""

    kind: Literal["venv", "conda", "existing"] = "venv"
    path: str = "~/.venvs/torch"
    name: str = "torch"
    jupyter_kernel: bool = False
    extras: tuple[str, ...] = ()
    installer: Literal["uv", "pip"] = "uv"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverWish:
    """What may be done about the NVIDIA driver."""

    action: Literal["auto", "keep", "install"] = "auto"
    branch: str = "auto"
    module: Literal["auto", "open", "proprietary"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolkitWish:
    """Which CUDA toolkit CUDA_HOME names. PyTorch wheels need none; only compiling does."""

    source: Literal["none", "auto", "existing", "wheel", "system", "conda"] = "none"
    version: str = "auto"
    path: str | None = None
    cudnn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellWish:
    """Which shells get the managed block.

    `rc` names one start-up file in place of the usual ones; `activate` also activates the environment
    in every new interactive shell.
    """

    shells: Literal["auto", "none"] | tuple[ShellName, ...] = "auto"
    scope: Literal["interactive", "all"] = "interactive"
    ld_library_path: Literal["auto", "always", "never"] = "auto"
    rc: str | None = None
    activate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceWish:
    """Where wheels come from; `index` is `auto`, `pytorch`, `default`, `conda-forge` or a URL.

    `conda_channels` are for conda environments; none means those that conda is configured with.
    """

    index: str = "auto"
    mirror: str | None = None
    find_links: tuple[str, ...] = ()
    offline: bool = False
    conda_channels: tuple[str, ...] = ("conda-forge",)
    proxy: str | None = None
    ca_bundle: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuWish:
    """The GPUs that PyTorch is to run on: all, or some by index or UUID."""

    use: Literal["all"] | tuple[int | str, ...] = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyWish:
    """How deep the tensor test goes, and whether its failure fails the run."""

    level: VerifyLevel | Literal["none"] = "quick"
    on_failure: Literal["fail", "warn"] = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A complete wish.

    `origins` maps a dotted key (`torch.version`) to where its value came from (`answers.yaml:3`,
    `--set`, `wizard`); a key that is absent there holds its default.
    """

    schema: int = SCHEMA
    torch: TorchWish = field(default_factory=TorchWish)
    python: PythonWish = field(default_factory=PythonWish)
    environment: EnvironmentWish = field(default_factory=EnvironmentWish)
    driver: DriverWish = field(default_factory=DriverWish)
    cuda_toolkit: ToolkitWish = field(default_factory=ToolkitWish)
    shell: ShellWish = field(default_factory=ShellWish)
    source: SourceWish = field(default_factory=SourceWish)
    gpus: GpuWish = field(default_factory=GpuWish)
    verify: VerifyWish = field(default_factory=VerifyWish)
    ask: tuple[str, ...] = ()
    origins: dict[str, str] = field(default_factory=dict)

    def is_default(self, key: str) -> bool:
        """Tell whether nobody asked for the value at this dotted key."""
        return key not in self.origins
