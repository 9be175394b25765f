"""Look at the place where PyTorch is to go, for the plan."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from torchup.apply.distributions import (
    environment_python,
    environment_version,
    installed_distributions,
    lost_interpreter,
)
from torchup.apply.history import made_environments
from torchup.apply.write_errors import explain
from torchup.model.context import Context
from torchup.plan.target import TargetKind, TargetState

MIB = 1024 * 1024


def survey_target(path: str, context: Context) -> TargetState:
    """Describe what is at `path`, the place on disk of the environment.

    Raises StepError when it cannot be looked at, RefusedError (journal-unreadable) when it is not known whose it is.
    """
    place = Path(path)
    try:
        kind = _kind(place)
        python = environment_python(place) if kind == "environment" else None
        nearest = next(folder for folder in (place, *place.parents) if folder.exists())
        return TargetState(
            path=path,
            kind=kind,
            writable=os.access(nearest, os.W_OK | os.X_OK),
            python=str(python) if python is not None else None,
            lost_interpreter=lost_interpreter(place) if kind == "lost-environment" else None,
            python_version=environment_version(place) if kind == "environment" else None,
            distributions=installed_distributions(python) if python is not None else {},
            made_by_torchup=path in made_environments(context),
            externally_managed=python is not None and _externally_managed(place),
            free_mib=shutil.disk_usage(nearest).free // MIB,
        )
    except OSError as error:
        raise explain(error, path) from error


def read_file(path: str) -> bytes | None:
    """Read a start-up file as it is now; None when there is none, or no file. For `make_plan`."""
    try:
        if not Path(path).is_file():
            return None  # a pipe would keep the reader waiting; the step itself says what is there
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise explain(error, path) from error


def _kind(place: Path) -> TargetKind:
    if not place.exists():
        return "dangling-link" if place.is_symlink() else "absent"
    if place.is_file():
        return "file"
    if not place.is_dir():
        return "other"
    if environment_python(place) is not None:
        return "environment"
    if lost_interpreter(place) is not None:
        return "lost-environment"
    return "directory" if any(place.iterdir()) else "empty"


def _externally_managed(place: Path) -> bool:
    return not (place / "pyvenv.cfg").is_file() and any(place.glob("lib*/python3*/EXTERNALLY-MANAGED"))
