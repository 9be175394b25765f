"""The whole detection: every probe once, each behind a guard, into one value."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from torchup.detect.apt_sources import read_apt_sources
from torchup.detect.cloud import note_cloud
from torchup.detect.compilers import read_compilers
from torchup.detect.conda import conda_environments, read_conda
from torchup.detect.cpu import note_cpu
from torchup.detect.environment import note_environment, relevant_environment
from torchup.detect.gpus import Graphics, read_graphics
from torchup.detect.host import Host, Limits
from torchup.detect.interpreter import Interpreter, site_folders
from torchup.detect.operating_system import read_operating_system
from torchup.detect.pythons import read_pythons
from torchup.detect.shells import read_shells
from torchup.detect.space import read_space
from torchup.detect.surroundings import read_surroundings
from torchup.detect.toolkits import read_toolkits
from torchup.detect.torch_installs import read_torch, usual_environments
from torchup.detect.user import read_account, read_user
from torchup.model.context import Context
from torchup.model.facts import MachineFacts, OperatingSystem, Shells, Space, Surroundings, User
from torchup.words import mark, tr

T = TypeVar("T")
U = TypeVar("U")


class _Machine(NamedTuple):
    """The part of the facts that every system has its own probes for."""

    os: OperatingSystem
    around: Surroundings
    graphics: Graphics
    space: Space
    interpreters: tuple[Interpreter, ...]


def detect(context: Context, *, sysroot: Path = Path("/"), limits: Limits | None = None) -> MachineFacts:
    """Look at the machine and say what is there; never raises, never hangs, needs no root.

    With another `sysroot` the Linux tree below it is read in place of the running system: nothing is
    started or loaded then. A probe that fails leaves the finding `probe-failed` and its part unknown.
    """
    host = Host.at(sysroot, environ=context.environ, home=context.home, limits=limits)
    files_host = host.below(context.root) if sysroot == Path("/") else host
    return collect(host, cwd=str(context.cwd), files_host=files_host)


def collect(host: Host, *, cwd: str, files_host: Host | None = None) -> MachineFacts:
    """Run all probes on a host; start-up files are looked for on `files_host`, where they would be written."""
    notes = host.notes
    conda = _guard(host, mark("conda"), (), lambda: read_conda(host, notes))
    environments = _guard(host, mark("conda environments"), (), lambda: conda_environments(host, conda))
    machine = _READERS[host.system](host, environments)
    account = _guard(host, mark("account"), None, lambda: read_account(host))
    shell = account.shell if account else None
    _guard(host, mark("cloud"), None, lambda: note_cloud(host, notes, machine.os.id))
    _guard(host, mark("processor"), None, lambda: note_cpu(host, notes, machine.os.arch))
    environ = host.environ
    _guard(host, mark("environment"), None, lambda: note_environment(environ, notes, gpus=len(machine.graphics.gpus)))
    active = environ.get("VIRTUAL_ENV", "").rstrip("/")
    sites = tuple(folder for found in machine.interpreters if found.prefix == active for folder in site_folders(found))
    extra = (*_guard(host, mark("environments"), (), lambda: usual_environments(host, cwd)), *environments)
    facts = MachineFacts(
        os=machine.os,
        context=machine.around,
        gpus=machine.graphics.gpus,
        nvidia=machine.graphics.nvidia,
        apt_sources=_guard(host, mark("package sources"), (), lambda: read_apt_sources(host)),
        toolkits=_guard(host, mark("CUDA toolkits"), (), lambda: read_toolkits(host, notes, environments, sites)),
        compilers=None
        if host.system == "windows"
        else _guard(host, mark("compilers"), None, lambda: read_compilers(host)),
        pythons=tuple(found.python for found in machine.interpreters),
        conda=conda,
        torch=_guard(host, mark("installed torch"), (), lambda: read_torch(host, notes, machine.interpreters, extra)),
        shells=_guard(host, mark("shells"), Shells(), lambda: read_shells(host, notes, files_host or host, shell)),
        user=_guard(host, mark("user"), User(), lambda: read_user(host, notes, account)),
        space=machine.space,
        environment=_guard(host, mark("environment variables"), {}, lambda: relevant_environment(environ)),
    )
    return replace(facts, findings=notes.findings())


def _guard(host: Host, what: str, unknown: U, probe: Callable[[], T]) -> T | U:
    try:
        return probe()
    except Exception as error:  # noqa: BLE001 - whatever goes wrong in a probe is a finding, never an end
        host.notes.add(
            "probe-failed", tr("Reading the {what} failed.", what=tr(what)), f"{type(error).__name__}: {error}"
        )
        return unknown


def _read_linux(host: Host, environments: tuple[str, ...]) -> _Machine:
    notes = host.notes
    around = _guard(host, mark("surroundings"), Surroundings(), lambda: read_surroundings(host, notes))
    return _Machine(
        os=_guard(host, mark("operating system"), _unknown_system(host), lambda: read_operating_system(host, notes)),
        around=around,
        graphics=_guard(host, mark("GPUs"), Graphics(), lambda: read_graphics(host, notes, around)),
        space=_guard(host, mark("space"), Space(), lambda: read_space(host, notes)),
        interpreters=_guard(host, mark("Pythons"), (), lambda: read_pythons(host, notes, environments)),
    )


def _read_darwin(host: Host, environments: tuple[str, ...]) -> _Machine:
    from torchup.detect.darwin import DarwinView, read_darwin

    notes = host.notes
    unknown: DarwinView = (_unknown_system(host), (), Space())
    system, gpus, memory = _guard(host, mark("Mac"), unknown, lambda: read_darwin(host, notes))
    space = _guard(host, mark("space"), Space(), lambda: read_space(host, notes))
    return _Machine(
        os=system,
        around=Surroundings(),
        graphics=Graphics(gpus=gpus),
        space=replace(space, memory_mib=memory.memory_mib),
        interpreters=_guard(host, mark("Pythons"), (), lambda: read_pythons(host, notes, environments)),
    )


def _read_windows(host: Host, environments: tuple[str, ...]) -> _Machine:  # noqa: ARG001 - the registry has conda's too
    from torchup.detect.windows import WindowsView, read_windows
    from torchup.detect.windows_gpus import read_windows_graphics
    from torchup.detect.windows_registry import parse_registered, read_registered

    notes = host.notes
    view = _guard(host, mark("Windows"), WindowsView(system=_unknown_system(host)), lambda: read_windows(host, notes))
    pythons = _guard(host, mark("Pythons"), (), lambda: parse_registered(read_registered(host)))
    space = _guard(host, mark("space"), Space(), lambda: read_space(host, notes))
    return _Machine(
        os=view.system,
        around=Surroundings(secure_boot=view.secure_boot),
        graphics=_guard(host, mark("GPUs"), Graphics(), lambda: read_windows_graphics(host, notes, view.cards)),
        space=replace(space, memory_mib=view.memory_mib),
        interpreters=tuple(Interpreter(python=python, prefix=_folder(python.path)) for python in pythons),
    )


_READERS: dict[str, Callable[[Host, tuple[str, ...]], _Machine]] = {
    "linux": _read_linux,
    "darwin": _read_darwin,
    "windows": _read_windows,
}


def _folder(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[0]


def _unknown_system(host: Host) -> OperatingSystem:
    arch = os.uname().machine if host.live and hasattr(os, "uname") else "unknown"
    return OperatingSystem(system=host.system, arch=arch)
