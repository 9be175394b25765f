"""The scripts of a conda environment: what conda runs when it activates and deactivates it.

conda reads `etc/conda/activate.d/*` after it has set PATH, and `etc/conda/deactivate.d/*` before it sets
PATH to a value that it worked out earlier: a change of PATH in there would stay behind or get lost, so
these files leave PATH alone. What was there before is kept in variables whose names hold a digest of the
environment's folder, so that environments stacked on each other do not mix up theirs.
"""

from __future__ import annotations

import hashlib
import posixpath
from dataclasses import dataclass

from torchup.errors import UsageError
from torchup.shell.env_files import ShellEnvironment
from torchup.shell.kinds import CONFIGURED, SPOKEN
from torchup.shell.templates import render_with_names

# The ending says which shells conda reads a file in: `.sh` in bash, zsh, dash and ksh.
_LANGUAGES = {shell.conda: SPOKEN[name] for name, shell in CONFIGURED.items() if shell.conda}
_TOKEN = "TORCHUP_CONDA_ID"  # noqa: S105 - the stand-in for a variable's name in the templates
_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaSettings:
    """What is to hold while the environment at `prefix` is active.

    `include_dir` is where a conda toolkit keeps CUDA's headers, None for another toolkit. Raises UsageError
    `path-has-colon`, `path-unquotable` or `path-not-absolute`.
    """

    prefix: str
    cuda_home: str | None = None
    include_dir: str | None = None
    library_dirs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        ShellEnvironment(cuda_home=self.cuda_home, environment=self.prefix, library_dirs=self.library_dirs)

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to set."""
        return self.cuda_home is None and self.include_dir is None and not self.library_dirs


def script_folders(prefix: str) -> tuple[str, str]:
    """Give the folders that conda reads scripts from: on activation, on deactivation."""
    return posixpath.join(prefix, "etc/conda/activate.d"), posixpath.join(prefix, "etc/conda/deactivate.d")


def script_paths(prefix: str) -> tuple[str, ...]:
    """List all files that torchup may have put into a conda environment."""
    return tuple(
        posixpath.join(folder, f"torchup.{ending}") for folder in script_folders(prefix) for ending in _LANGUAGES
    )


def render_conda_scripts(settings: CondaSettings) -> dict[str, str]:
    """Render the pair of scripts for every shell, by path.

    The texts are to be encoded as UTF-8 with `surrogateescape`. PowerShell gets none where a path is not
    valid text, which no PowerShell script can hold.
    """
    activate, deactivate = script_folders(settings.prefix)
    digest = hashlib.sha256(settings.prefix.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS].upper()
    names = {_TOKEN: f"TORCHUP_CONDA_{digest}"}
    scripts: dict[str, str] = {}
    for ending, language in _LANGUAGES.items():
        try:
            applied = render_with_names(
                f"{language.templates}/conda-apply.{ending}",
                names,
                cuda_home=settings.cuda_home,
                include_dir=settings.include_dir,
                library_dirs=settings.library_dirs,
            )
        except UsageError:
            if not language.drives:
                raise
            continue
        on, off, take_back = (
            render_with_names(f"{language.templates}/conda-{part}.{ending}", names)
            for part in ("activate", "deactivate", "take-back")
        )
        # PowerShell's scripts have nothing to tidy up at their end.
        end = "" if language.drives else render_with_names(f"{language.templates}/conda-end.{ending}", names)
        scripts[f"{activate}/torchup.{ending}"] = on + take_back + applied + end
        scripts[f"{deactivate}/torchup.{ending}"] = off + take_back + end
    return scripts
