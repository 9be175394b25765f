"""The driver's recipes over the real dnf, zypper, pacman and apt: in, again, held, out, and undo ends with 0."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.debian_root import DebianRoot
from support.machines import MACHINES
from support.manager_roots import Stub, add_pacman_packages, add_rpms, manager_root
from support.system_plans import planned_machine
from system.debian_steps import add_package, install
from torchup.model.plan import AddRepository, Command, HoldPackages, InstallSystemPackages, Step

pytestmark = pytest.mark.xdist_group("debian")

UNDO = ("undo", "--yes")
FIXED, NEWER = "580.99.01", "615.20.01"
DRIVER = (
    *(Stub(name="nvidia-open", version=v, needs=(f"nvidia-driver = {v}", "dkms")) for v in ("580.65.06", NEWER)),
    *(Stub(name="nvidia-driver", version=v, needs=(f"libnvidia-ml = {v}",)) for v in ("580.65.06", NEWER)),
    *(Stub(name="libnvidia-ml", version=v) for v in ("580.65.06", NEWER)),
    Stub(name="dkms", needs=("make",)),
    Stub(name="make"),
    Stub(name="nvidia-container-toolkit", version="1.17.9"),
)
FIX = (
    Stub(name="nvidia-open", version=FIXED, needs=(f"nvidia-driver = {FIXED}", "dkms")),
    Stub(name="nvidia-driver", version=FIXED, needs=(f"libnvidia-ml = {FIXED}",)),
    Stub(name="libnvidia-ml", version=FIXED),
)
AROUND = {
    "rhel-10": ("dnf-plugins-core", "python3-dnf-plugin-versionlock", "epel-release", "kernel-devel-matched", "kernel-headers"),
    "opensuse": ("kernel-default-devel", "mokutil"),
    "fedora-rpmfusion-pascal": (),
}  # fmt: skip
CRB = "[crb]\nname=crb\nbaseurl=file:///srv/crb\nenabled=0\ngpgcheck=0\n"


FAILING_LOCK = """#!/bin/sh
case "$*" in *addlock*) echo "Problem adding the package lock: Can't write the locks file" >&2; exit 8 ;; esac
exec /usr/bin/zypper "$@"
"""


@pytest.fixture
def root(tmp_path: Path) -> Iterator[DebianRoot]:
    with manager_root(tmp_path) as root:
        yield root


def recipe(name: str) -> tuple[Step, ...]:
    """Give the steps of a recipe that need nothing from outside: the repository is the one on the root's disk."""
    _, plan = planned_machine(MACHINES / f"recipe-{name}.yaml")
    kinds = (AddRepository, HoldPackages, InstallSystemPackages)
    return tuple(step for step in plan.steps if isinstance(step, kinds))


def rpms(root: DebianRoot) -> dict[str, str]:
    lines = root.run("rpm", "-qa", "--qf", "%{NAME} %{VERSION}\n").stdout.splitlines()
    return dict(line.split() for line in lines)


def printed(stderr: str) -> list[str]:
    """Find the commands that undo prints."""
    programs = r"(?:dnf|zypper|pacman|apt-get|dpkg|rpm) "
    return [line.strip() for line in stderr.splitlines() if re.match(rf"\s*{programs}", line)]


def take_back(root: DebianRoot) -> list[str]:
    """Undo, do what it prints, and undo again, which has to finish."""
    undone = root.torchup(*UNDO)
    assert undone.returncode == 5, undone.stdout + undone.stderr
    commands = printed(undone.stderr)
    for command in commands:
        root.run("sh", "-c", command)
    again = root.torchup(*UNDO)
    assert again.returncode == 0, again.stdout + again.stderr
    return commands


@pytest.mark.parametrize(("name", "upgrade"), [("rhel-10", "dnf -y upgrade"), ("opensuse", "zypper -n update")])
def test_a_driver_of_rpms_goes_in_stays_on_its_branch_and_goes_out(root: DebianRoot, name: str, upgrade: str) -> None:
    add_rpms(root, *DRIVER, *map(Stub.named, AROUND[name]))
    root.run("mkdir", "-p", "/srv/crb")
    root.run("createrepo_c", "--quiet", "/srv/crb")
    root.put("/etc/yum.repos.d/crb.repo", CRB)
    root.run("dnf", "-y", "install", "make")  # somebody has one of the dependencies already
    before, files = rpms(root), root.files("/etc/dnf", "/etc/zypp", "/etc/yum.repos.d")
    plan = root.plan(*recipe(name))

    done = root.torchup("setup", "--plan", plan)
    assert done.returncode == 0, done.stdout + done.stderr
    assert rpms(root)["nvidia-driver"] == "580.65.06"
    installed = rpms(root)
    again = root.torchup("setup", "--plan", plan)
    assert "nothing: everything was in place already" in again.stdout, again.stdout + again.stderr

    # A fix of the branch arrives, the next branch does not, and neither stands in the way of other packages.
    add_rpms(root, *FIX)
    root.run("sh", "-c", upgrade)
    assert rpms(root) == {**installed, **{stub.name: FIXED for stub in FIX}}
    root.run("dnf", "-y", "install", "nvidia-container-toolkit")

    commands = take_back(root)
    assert rpms(root) == {**before, "nvidia-container-toolkit": "1.17.9"}, commands
    assert root.run("dnf", "check-upgrade", check=False).returncode == 0
    left = root.files("/etc/dnf", "/etc/zypp", "/etc/yum.repos.d")
    for entry in ("580", "581", "nvidia"):
        assert entry not in root.run("sh", "-c", "cat /etc/zypp/locks /etc/dnf/plugins/versionlock.list; true").stdout
    assert [line for line in left.splitlines() if ".repo" in line] == [
        line for line in files.splitlines() if ".repo" in line
    ]


def test_what_somebody_needs_wants_or_removed_meanwhile_is_not_named(root: DebianRoot) -> None:
    add_rpms(
        root,
        Stub(name="toolkit", needs=("compiler", "headers", "viewer", "library")),
        *(Stub(name=name) for name in ("compiler", "headers", "viewer", "library")),
        Stub(name="mine", needs=("headers",)),
        Stub(name="shared", version="1.0"),
    )
    root.run("dnf", "-y", "install", "shared")
    add_rpms(root, Stub(name="shared", version="2.0"), Stub(name="tool", needs=("shared >= 2",)))
    plan = root.plan(_install("toolkit", "tool"))
    assert root.torchup("setup", "--plan", plan).returncode == 0
    assert rpms(root)["shared"] == "2.0"
    root.run("dnf", "-y", "install", "mine")  # needs headers
    root.run("dnf", "-y", "mark", "install", "library")
    root.run("rpm", "-e", "--nodeps", "viewer")
    commands = take_back(root)
    assert commands == ["dnf -y remove --setopt=clean_requirements_on_remove=False compiler tool toolkit"]
    assert rpms(root) == {"shared": "2.0", "mine": "1.0", "headers": "1.0", "library": "1.0"}


def _install(*packages: str) -> InstallSystemPackages:
    words = ("dnf", "-y", "install", *packages)
    return InstallSystemPackages(
        id="packages", summary="Install", why="w", manager="dnf", packages=packages, commands=(Command(argv=words),)
    )


@pytest.mark.parametrize("name", ["rhel-10", "opensuse"])
def test_a_lock_that_fails_is_said_and_changes_nothing(root: DebianRoot, name: str) -> None:
    add_rpms(root, *DRIVER, *map(Stub.named, AROUND[name]))
    hold = next(step for step in recipe(name) if isinstance(step, HoldPackages))
    if name == "rhel-10":
        root.put("/etc/dnf/plugins/versionlock.conf", "[main]\nenabled=0\n")
    else:
        root.put("/usr/local/bin/zypper", FAILING_LOCK, mode=0o755)
    before = rpms(root)
    failed = root.torchup("setup", "--plan", root.plan(hold, _install("nvidia-open")))
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "Keep the driver on branch 580" in failed.stderr
    assert "stays" not in failed.stderr
    assert rpms(root) == before
    assert root.torchup(*UNDO).returncode == 6, "there is nothing to undo"


def test_dnf_reports_success_where_it_locks_nothing_and_is_not_believed(root: DebianRoot) -> None:
    add_rpms(root, Stub(name="other"))
    command = Command(argv=("dnf", "-y", "versionlock", "add", "*nvidia*580*"))
    held = HoldPackages(
        id="hold", summary="Hold the driver", why="w", manager="dnf", holds=("nvidia-open-580",), commands=(command,)
    )
    failed = root.torchup("setup", "--plan", root.plan(held))
    assert failed.returncode == 1, failed.stdout
    assert "nothing holds nvidia-open-580" in failed.stderr


def test_a_second_version_beside_one_that_was_there_goes_alone(root: DebianRoot) -> None:
    root.run("sh", "-c", "echo 'installonlypkgs=kernel-devel' >>/etc/dnf/dnf.conf")
    add_rpms(root, Stub(name="kernel-devel", version="5.1"))
    root.run("dnf", "-y", "install", "kernel-devel")
    add_rpms(root, Stub(name="kernel-devel", version="5.2"))
    plan = root.plan(_install("kernel-devel-5.2"))
    assert root.torchup("setup", "--plan", plan).returncode == 0
    commands = take_back(root)
    assert commands == ["dnf -y remove --setopt=clean_requirements_on_remove=False kernel-devel-5.2-1.noarch"]
    assert rpms(root) == {"kernel-devel": "5.1"}


def test_a_driver_of_pacmans_goes_in_and_out(root: DebianRoot) -> None:
    stubs = ("linux-zen-headers", "nvidia-utils", "dkms", "pahole", "mine")
    add_pacman_packages(
        root,
        Stub(name="nvidia-open-dkms", version="590.48", needs=("dkms", "nvidia-utils")),
        *(Stub(name=name, needs=("pahole",) if name == "linux-zen-headers" else ()) for name in stubs),
    )
    root.run("pacman", "-Sy")
    root.run("pacman", "-S", "--noconfirm", "mine")
    plan = root.plan(*recipe("arch"))
    done = root.torchup("setup", "--plan", plan)
    assert done.returncode == 0, done.stdout + done.stderr
    again = root.torchup("setup", "--plan", plan)
    assert "nothing: everything was in place already" in again.stdout, again.stdout + again.stderr
    root.run("pacman", "-D", "--asexplicit", "pahole")
    commands = take_back(root)
    assert commands == ["pacman -Rn --noconfirm dkms linux-zen-headers nvidia-open-dkms nvidia-utils"]
    assert root.run("pacman", "-Qq").stdout.split() == ["mine", "pahole"]


def test_what_came_along_with_apts_packages_goes_with_them(root: DebianRoot) -> None:
    for name, needs in (("leaf", ""), ("wanted", ""), ("used", ""), ("mine", "used"), ("top", "leaf, wanted, used")):
        add_package(root, name, control=f"Depends: {needs}\n" if needs else "")
    plan = root.plan(replace(install("top"), undo_commands=(Command(argv=("apt-get", "purge", "-y", "top")),)))
    assert root.torchup("setup", "--plan", plan).returncode == 0
    root.run("apt-get", "install", "-y", "mine")
    root.run("apt-mark", "manual", "wanted")
    commands = take_back(root)
    assert commands == ["apt-get purge -y leaf top"]
    there = root.run(
        "dpkg-query", "--show", "--showformat", "${Package} ", "leaf", "wanted", "used", "mine", "top", check=False
    )
    assert there.stdout.split() == ["mine", "used", "wanted"]
