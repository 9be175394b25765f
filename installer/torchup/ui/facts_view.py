"""Machine facts for a person: machine, GPUs, driver, Pythons, shells, and whatever is odd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torchup.model.facts import Finding, Gpu, MachineFacts, NvidiaDriver, Python
from torchup.words import mark, tr

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

_MIB_PER_GIB = 1024
_STATES = {
    "ok": (mark("works"), "green"),
    "missing": (mark("not installed"), "yellow"),
    "not_loaded": (mark("installed, but not loaded"), "yellow"),
    "mismatch": (mark("its libraries and its loaded module differ"), "yellow"),
    "nouveau": (mark("nouveau holds the card"), "yellow"),
    "no_device_nodes": (mark("loaded, but no devices here"), "yellow"),
    "no_permission": (mark("closed to this user"), "yellow"),
    "error": (mark("does not work"), "red"),
}
_PRIVILEGES = {
    "root": mark("is root"),
    "sudo": mark("may become root"),
    "sudo-password": mark("may become root with a password"),
    "none": mark("cannot become root"),
}
_VENDORS = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel", "apple": "Apple"}


def render(facts: MachineFacts) -> RenderableType:
    """Lay the facts out for a terminal of any width; colour only repeats what the words say."""
    from rich.console import Group

    sections = [
        (tr("Machine"), _rows(_machine(facts))),
        (tr("GPUs"), _gpus(facts)),
        (tr("CUDA toolkits"), _listing(_toolkits(facts))),
        (tr("C++ compilers"), _listing(_compilers(facts))),
        (tr("Pythons"), _rows(_pythons(facts.pythons))),
        (tr("Environments"), _listing(_environments(facts))),
        (tr("Shells"), _rows(_shells(facts))),
        (tr("Worth knowing"), _findings(facts.findings)),
    ]
    parts: list[RenderableType] = []
    for title, content in sections:
        if content is not None:
            parts += _section(title, content)
    return Group(*parts)


def _machine(facts: MachineFacts) -> list[tuple[str, str]]:
    system, around, user, space = facts.os, facts.context, facts.user, facts.space
    name = " ".join(part for part in (system.id or system.system, system.version) if part)
    libc = f"{system.libc} {system.libc_version or ''}".strip() if system.libc else None
    inside = [
        f"WSL {around.wsl}" if around.wsl else None,
        tr("{kind} container", kind=around.container) if around.container else None,
        f"Jetson {around.jetson}" if around.jetson else None,
    ]
    secure = {True: tr("on"), False: tr("off"), None: None}[around.secure_boot]
    privilege = tr(_PRIVILEGES[user.privilege]) if user.privilege else None
    free = [
        (space.home_mib, mark("{size} home")),
        (space.tmp_mib, mark("{size} temporary files")),
        (space.shm_mib, mark("{size} shared memory")),
    ]
    rows = [
        (tr("system"), _joined(name, system.arch, libc)),
        (tr("kernel"), system.kernel or ""),
        (tr("inside"), _joined(*inside)),
        ("Secure Boot", secure or ""),
        (tr("user"), _joined(user.name or (f"uid {user.uid}" if user.uid is not None else None), privilege)),
        (tr("memory"), _size(space.memory_mib) or ""),
        (tr("free space"), _joined(*(tr(what, size=_size(mib)) for mib, what in free if mib is not None))),
    ]
    return [(label, value) for label, value in rows if value]


def _gpus(facts: MachineFacts) -> RenderableType | None:
    from rich.console import Group
    from rich.text import Text

    table = _rows([(str(gpu.index), _gpu(gpu)) for gpu in facts.gpus])
    driver = _driver(facts.nvidia) if facts.nvidia else None
    parts = [part for part in (table or Text(tr("none found")), driver) if part is not None]
    return Group(*parts)


def _gpu(gpu: Gpu) -> str:
    ability = (
        tr("compute capability {capability}", capability=gpu.compute_capability) if gpu.compute_capability else gpu.gfx
    )
    chip = gpu.chip if gpu.chip and gpu.chip not in (gpu.name or "") else None
    name = gpu.name or f"{_VENDORS[gpu.vendor]} {gpu.pci_id or 'GPU'}"
    mig = f"MIG {gpu.mig}" if gpu.mig == "enabled" else None
    place = gpu.pci_address.removeprefix("0000:") if gpu.pci_address else None
    return _joined(name, ability, _size(gpu.memory_mib), chip, mig, place)


def _driver(driver: NvidiaDriver) -> Text:
    from rich.text import Text

    words, style = _STATES[driver.state]
    loaded = driver.loaded_version if driver.loaded_version != driver.driver_version else None
    more = _joined(
        driver.driver_version,
        tr("up to CUDA {version}", version=driver.cuda_version) if driver.cuda_version else None,
        tr("{module} kernel module", module=driver.kernel_module) if driver.kernel_module else None,
        tr("loaded module {version}", version=loaded) if loaded else None,
    )
    return Text.assemble(tr("NVIDIA driver: "), (tr(words), style), f" ({more})" if more else "")


def _toolkits(facts: MachineFacts) -> list[str]:
    versions = [toolkit.version or tr("unknown version") for toolkit in facts.toolkits]
    return [
        _joined(f"{version}  {toolkit.path}", None if toolkit.nvcc else tr("without nvcc"))
        for version, toolkit in zip(versions, facts.toolkits, strict=True)
    ]


def _compilers(facts: MachineFacts) -> list[str]:
    found = [compiler for compiler in facts.compilers or () if compiler.default or compiler.version]
    return [_joined(f"{compiler.kind} {compiler.version or ''}".strip(), compiler.path) for compiler in found]


def _pythons(pythons: tuple[Python, ...]) -> list[tuple[str, str]]:
    return [(_python_version(python), _joined(python.path, *_python_remarks(python))) for python in pythons]


def _python_version(python: Python) -> str:
    return f"{python.version}{'t' if python.free_threaded else ''}"


def _python_remarks(python: Python) -> list[str | None]:
    return [
        "PyPy" if python.implementation == "pypy" else None,
        tr("32 bits") if python.bits != 64 else None,  # noqa: PLR2004 - the usual width goes without saying
        tr("externally managed") if python.externally_managed else None,
        python.kind if python.kind not in (None, "system") else None,
    ]


def _environments(facts: MachineFacts) -> list[str]:
    conda = [_joined(f"{found.kind} {found.version or ''}".strip(), found.path) for found in facts.conda]
    torch = [
        _joined(f"torch {found.version}", found.variant if found.variant not in found.version else None, found.python)
        if found.variant
        else _joined(f"torch {found.version}", found.python)
        for found in facts.torch
    ]
    return [*conda, *torch]


def _shells(facts: MachineFacts) -> list[tuple[str, str]]:
    shells, home = facts.shells, facts.user.home
    files = [f"~{path.removeprefix(home)}" if home and path.startswith(f"{home}/") else path for path in shells.files]
    rows = [
        (tr("login"), shells.login or ""),
        (tr("running"), shells.current or ""),
        (tr("installed"), ", ".join(shells.installed)),
        (tr("files"), ", ".join(files)),
    ]
    return [(label, value) for label, value in rows if value]


def _findings(findings: tuple[Finding, ...]) -> RenderableType | None:
    from rich.table import Table
    from rich.text import Text

    if not findings:
        return None
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    for finding in findings:
        evidence = f"\n{finding.evidence}" if finding.evidence else ""
        grid.add_row(Text("!", style="yellow"), Text.assemble(finding.text, (evidence, "dim")))
    return grid


def _section(title: str, content: RenderableType) -> list[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    return [Text(title, style="bold"), Padding(content, (0, 0, 1, 2), expand=False)]


def _rows(rows: list[tuple[str, str]]) -> Table | None:
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return None
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in rows:
        grid.add_row(Text(label, style="dim"), Text(value))
    return grid


def _listing(lines: list[str]) -> Text | None:
    from rich.text import Text

    return Text("\n".join(lines), overflow="fold") if lines else None


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def _size(mib: int | None) -> str | None:
    if mib is None:
        return None
    return f"{mib / _MIB_PER_GIB:.0f} GiB" if mib >= 10 * _MIB_PER_GIB else f"{mib / _MIB_PER_GIB:.1f} GiB"
