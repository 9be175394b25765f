"""The layers of the software: the interpreter, its packages, and whether the build suits the driver and the GPUs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from torchup.apply.distributions import parse_pyvenv
from torchup.detect.commands import Ran
from torchup.knowledge.arch_lists import arch_list
from torchup.knowledge.cubins import serving
from torchup.knowledge.drivers import minimum_driver
from torchup.knowledge.platforms import platform_of
from torchup.knowledge.variants import parse_variant
from torchup.model.diagnosis import Found
from torchup.model.versions import ComputeCapability, DriverVersion
from torchup.verify.causes import cause_of_finding
from torchup.verify.doctor.engine import Look
from torchup.verify.doctor.installed_files import file_causes
from torchup.verify.doctor.packages import package_causes
from torchup.verify.doctor.subject import Interpreter, Subject
from torchup.words import mark, tr

# Only the standard library, isolated: what it says must not depend on what is being examined.
ASK_INTERPRETER = """
import json, os, platform, site, struct, sys, sysconfig
sites = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
if sys.prefix == sys.base_prefix or getattr(site, "ENABLE_USER_SITE", None) is None:
    sites += site.getsitepackages() if hasattr(site, "getsitepackages") else []
print(json.dumps({
    "version": platform.python_version(), "bits": struct.calcsize("P") * 8, "prefix": sys.prefix,
    "base_prefix": sys.base_prefix, "include": sysconfig.get_path("include"), "sites": list(dict.fromkeys(sites)),
    "user_site": site.getusersitepackages(), "machine": platform.machine(),
    "markers": {"python_version": ".".join(platform.python_version_tuple()[:2]),
        "python_full_version": platform.python_version(), "sys_platform": sys.platform, "os_name": os.name,
        "platform_system": platform.system(), "platform_machine": platform.machine(),
        "implementation_name": sys.implementation.name,
        "platform_python_implementation": platform.python_implementation()}}))
"""
_PYTHON_CAUSES = frozenset({"cpu-without-avx", "macos-intel"})
_BITS = 64
_OLDEST_GLIBC = (2, 28)


def parse_interpreter(path: str, ran: Ran) -> tuple[Interpreter, dict[str, str]]:
    """Read what an interpreter said of itself, and the values of its environment markers."""
    try:
        said: dict[str, Any] = json.loads(ran.stdout.strip().splitlines()[-1])
        markers = said.pop("markers")
        return Interpreter(path=path, **{**said, "sites": tuple(said["sites"])}), markers
    except (ValueError, KeyError, IndexError, TypeError):
        text = (
            ran.stderr.strip() or ran.problem or tr("it ended with status {status}", status=ran.returncode)
        ).splitlines()
        return Interpreter(path=path, problem=text[-1]), {}


def look_at_interpreter(subject: Subject) -> Look:
    """Judge the interpreter and the system it runs on."""
    python = subject.interpreter
    if python is None:
        return Look(seen=tr("no environment to look into"), skipped=True)
    if python.problem is not None:
        folder = str(PurePath(python.path).parent.parent)
        if subject.host.exists(folder):
            return Look(seen=python.path, found=(Found(cause="interpreter-broken", evidence=(python.problem,)),))
        gone = tr("{path} is not there", path=folder)
        return Look(seen=python.path, found=(Found(cause="environment-gone", evidence=(gone,)),))
    text = (
        mark("Python {version}, {bits} bit, environment {path}")
        if python.prefix != python.base_prefix
        else mark("Python {version}, {bits} bit, installation {path}")
    )
    seen = tr(text, version=python.version, bits=python.bits, path=python.prefix)
    return Look(seen=seen, found=tuple(_interpreter_causes(python, subject)))


def _interpreter_causes(python: Interpreter, subject: Subject) -> Iterator[Found]:
    system = subject.facts.os
    if changed := changed_python(subject):
        yield Found(cause="environment-of-another-python", evidence=(changed,))
    if python.bits != _BITS:
        yield Found(
            cause="python-32bit", evidence=(tr("{path} is a {bits}-bit program", path=python.path, bits=python.bits),)
        )
    if system.libc == "musl":
        yield Found(
            cause="musl-alpine",
            evidence=(
                tr(
                    "{system} has musl {version}",
                    system=system.id or tr("this system"),
                    version=system.libc_version or "",
                ),
            ),
        )
    glibc = tuple(int(part) for part in (system.libc_version or "").split(".") if part.isdigit())
    if system.libc == "glibc" and glibc and glibc < _OLDEST_GLIBC:
        yield Found(cause="glibc-too-old", evidence=(f"glibc {system.libc_version}",))
    if system.system == "darwin" and python.machine == "x86_64":
        yield Found(cause="macos-intel", evidence=(tr("{path} is an x86_64 program", path=python.path),))
    for finding in subject.facts.findings:
        cause = cause_of_finding(finding.code)
        if cause in _PYTHON_CAUSES:
            yield Found(cause=cause, evidence=(f"{finding.text} ({finding.evidence})",), severity="warn")
    wanted = {name: subject.environ[name] for name in ("PYTHONPATH", "PYTHONHOME") if subject.environ.get(name)}
    if wanted:
        lines = tuple(f"{name}={value}" for name, value in wanted.items())
        yield Found(cause="python-path-shadows", evidence=lines, severity="warn")
    if subject.folder is not None and (names := _in_the_way(subject, subject.folder)):
        text = mark("a program that starts in {folder} imports these in place of the real ones: {names}")
        yield Found(
            cause="python-path-shadows",
            evidence=(tr(text, folder=subject.folder, names=", ".join(names)),),
            severity="warn",
        )


def _in_the_way(subject: Subject, folder: str) -> list[str]:
    """List what in the current folder has the name of torch or of a standard module; nothing of it is imported."""
    taken = {"torch", *sys.stdlib_module_names}
    files = subject.host.names(folder)
    names = [name for name in files if name.endswith(".py") and name.removesuffix(".py") in taken]
    return [*names, *(["torch/"] if subject.host.is_file(f"{folder}/torch/__init__.py") else [])]


def changed_python(subject: Subject) -> str | None:
    """Say so when a venv's interpreter is another Python now than the one that it was made for."""
    python = subject.interpreter
    if python is None or python.problem is not None:
        return None
    made_for = parse_pyvenv(subject.host.read_text(f"{python.prefix}/pyvenv.cfg") or "")
    if made_for is None or made_for.split(".")[:2] == python.version.split(".")[:2]:
        return None
    return tr(
        "{path} was made for Python {made_for}, and its interpreter is {version} now",
        path=python.prefix,
        made_for=made_for,
        version=python.version,
    )


def look_at_packages(subject: Subject) -> Look:
    """Judge the installed packages, and the build against the driver and the GPUs."""
    packages = subject.packages
    if packages is None:
        return Look(seen=tr("no environment to look into"), skipped=True)
    gpu = next((gpu.name or gpu.vendor for gpu in subject.gpus if gpu.vendor != "apple"), None)
    found = [*package_causes(packages, gpu_here=gpu, cpu_is_wanted=subject.planned_variant == "cpu")]
    found += file_causes(subject.host, packages)
    found += _suits(subject)
    torch = packages.get("torch")
    names = ("torchvision", "torchaudio", "triton", "numpy", "setuptools")
    beside = [f"{name} {package.version}" for name in names if (package := packages.get(name))]
    build = packages.variant or tr("unknown build")
    seen = f"torch {torch.version} ({build})" if torch else tr("no torch")
    return Look(seen=", ".join((seen, *beside)), found=tuple(found))


def _suits(subject: Subject) -> Iterator[Found]:
    packages, driver = subject.packages, subject.facts.nvidia
    torch = packages.get("torch") if packages else None
    if packages is None or torch is None or packages.variant is None:
        return
    try:
        cuda = parse_variant(packages.variant).cuda
    except ValueError:
        return
    if cuda is None:
        return
    system = "windows" if subject.facts.context.wsl else subject.facts.os.system
    minimum = minimum_driver(cuda[0], system)
    if driver is not None and driver.state == "ok" and driver.driver_version and minimum is not None:
        try:
            too_old = DriverVersion.parse(driver.driver_version) < minimum.version
        except ValueError:
            too_old = False
        if too_old:
            text = tr(
                "CUDA {cuda} needs driver >= {minimum}, {version} is installed",
                cuda=cuda[0],
                minimum=minimum.text,
                version=driver.driver_version,
            )
            yield Found(
                cause="driver-too-old",
                evidence=(tr("torch is built for CUDA {version}", version=f"{cuda[0]}.{cuda[1]}"), text),
            )
    yield from _kernels(subject, torch.version.partition("+")[0], packages.variant, cuda)


def _kernels(subject: Subject, version: str, variant: str, cuda: tuple[int, int]) -> Iterator[Found]:
    platform = platform_of(subject.facts.os)
    try:
        kernels = arch_list(version, variant, platform) if platform else None
    except ValueError:
        return
    # A list that was taken from another build is no proof; the tensor test will ask torch itself.
    if kernels is None or kernels.uncertain:
        return
    for gpu in subject.facts.gpus:
        if gpu.vendor != "nvidia" or gpu.compute_capability is None:
            continue
        capability = ComputeCapability.parse(gpu.compute_capability)
        if serving(capability, kernels, cuda) is None:
            newer = capability.sm > max(kernels.sm, default=0)
            listed = " ".join(f"sm_{number}" for number in kernels.sm)
            text = tr(
                "{gpu} has compute capability {capability}, the build has {kernels}",
                gpu=gpu.name or tr("the GPU"),
                capability=capability,
                kernels=listed,
            )
            yield Found(cause="no-kernel-image-new-gpu" if newer else "no-kernel-image-old-gpu", evidence=(text,))
