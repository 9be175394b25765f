"""What a run brought, told from upgrades; what may go again; and the managers' own records of needs and settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchup.apply.brought_packages import came, listed, read_list, staying, still_there
from torchup.apply.manager_settings import read_settings
from torchup.apply.package_relations import of_dpkg, of_pacman, of_rpm, package_relations
from torchup.apply.system import Relations, SystemPackage
from torchup.errors import StepError
from torchup.knowledge.recipes import newer_driver_packages, removal_words


def package(name: str, version: str = "1", architecture: str = "x86_64") -> SystemPackage:
    return SystemPackage(name, version, architecture)


BEFORE = (package("glibc", "2.39-1"), package("kernel-devel", "6.1-1"), package("tool", "1", "noarch"))


@pytest.mark.parametrize(
    ("manager", "after", "words"),
    [
        ("dnf", (*BEFORE, package("driver", "3:580-1")), ("driver",)),
        ("dnf", (*BEFORE[1:], package("glibc", "2.40-1")), ()),
        ("dnf", (*BEFORE, package("kernel-devel", "1:6.2-1")), ("kernel-devel-6.2-1.x86_64",)),
        ("zypper", (*BEFORE, package("kernel-devel", "1:6.2-1")), ("kernel-devel=1:6.2-1",)),
        ("dnf", (*BEFORE, package("glibc", "2.39-1", "i686")), ("glibc-2.39-1.i686",)),
        ("zypper", (*BEFORE, package("glibc", "2.39-1", "i686")), ("glibc.i686",)),
        ("apt", (*BEFORE[1:], package("glibc", "2.40-1"), package("glibc", "2.40-1", "i386")), ("glibc:i386",)),
        ("apt", (*BEFORE[:2], package("tool", "2", "x86_64")), ()),
        ("pacman", BEFORE[:1], ()),
    ],
)
def test_what_came_is_told_from_what_was_upgraded(
    manager: str, after: tuple[SystemPackage, ...], words: tuple[str, ...]
) -> None:
    assert came(manager, BEFORE, after) == words
    assert set(still_there(words, after)) == set(words), "what is named is found again"
    assert still_there(words, BEFORE) == {}


def test_a_list_comes_back_and_one_of_names_only_is_read() -> None:
    assert read_list(listed(BEFORE)) == frozenset(BEFORE)
    assert came("dnf", read_list(b"glibc\ntool"), (*BEFORE, package("new"))) == ("kernel-devel", "new")


NAMES = st.sampled_from(list("abcdef"))
WORLDS = st.dictionaries(NAMES, st.tuples(st.lists(st.frozensets(NAMES, min_size=1, max_size=2), max_size=3)))


@given(world=WORLDS, chosen=st.frozensets(NAMES))
def test_without_what_goes_nothing_that_stays_lacks_anything(
    world: dict[str, tuple[list[frozenset[str]]]], chosen: frozenset[str]
) -> None:
    relations = {
        package(name): Relations(needs=tuple(needs), provides=frozenset({name})) for name, (needs,) in world.items()
    }
    going = {one for one in relations if one.name in chosen}
    stays = staying(going, relations)
    assert set(stays) <= going
    left = {one.name for one in relations if one not in going or one in stays}
    for one, relation in relations.items():
        for need in relation.needs:
            met_before = not need.isdisjoint(world)
            assert one.name not in left or not met_before or not need.isdisjoint(left)


def test_dpkgs_and_apts_records() -> None:
    status = (
        "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n"
        "Depends: libc6 (>= 2.36), python3:any | python3-minimal\nPre-Depends: dpkg\nProvides: x (= 1), y\n\n"
        "Package: b\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2\n\n"
        "Package: c\nStatus: deinstall ok config-files\nVersion: 1\n"
    )
    extended = (
        "Package: a\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: b\nArchitecture: amd64\nAuto-Installed: 0\n"
    )
    assert of_dpkg(status, extended) == {
        SystemPackage("a", "1", "all"): Relations(
            needs=(frozenset({"dpkg"}), frozenset({"libc6"}), frozenset({"python3", "python3-minimal"})),
            provides=frozenset({"a", "x", "y"}),
            asked_for=False,
        ),
        SystemPackage("b", "2", "amd64"): Relations(provides=frozenset({"b"}), asked_for=True),
    }


def test_pacmans_records() -> None:
    text = "%NAME%\naa\n\n%VERSION%\n1:2.0-1\n\n%REASON%\n1\n\n%DEPENDS%\nbb>=2\ncc\n\n%PROVIDES%\ndd=3\n\n"
    assert of_pacman([text, ""]) == {
        SystemPackage("aa", "1:2.0-1"): Relations(
            needs=(frozenset({"bb"}), frozenset({"cc"})), provides=frozenset({"aa", "dd"}), asked_for=False
        )
    }


RPM = """\
@nvidia-driver\t3:580.65.06-1\tx86_64
<libnvidia-ml.so()(64bit)
</usr/bin/sh
<(dkms or akmods)
<(kernel-devel-uname-r = 6.1 if kernel-core)
>nvidia-driver
>unheard-of
|/usr/bin/nvidia
@bash\t5.2-1\tx86_64
>bash
|/usr/bin/sh
|/usr/share/doc
"""


def test_rpms_records() -> None:
    driver, bash = of_rpm(RPM, automatic=frozenset({"bash"})).values()
    assert driver.needs == (
        frozenset({"libnvidia-ml.so()(64bit)"}),
        frozenset({"/usr/bin/sh"}),
        frozenset({"dkms", "akmods"}),
        frozenset({"kernel-devel-uname-r"}),
    )
    assert (driver.provides, driver.asked_for) == (frozenset({"nvidia-driver"}), True)
    assert (bash.provides, bash.asked_for) == (frozenset({"bash", "/usr/bin/sh"}), False)
    assert of_rpm(RPM, asked_for=frozenset({"bash"}))[SystemPackage("bash", "5.2-1", "x86_64")].asked_for is True


@pytest.mark.parametrize("manager", ["apt", "dnf", "pacman"])
def test_records_that_are_not_there_are_said(tmp_path: Path, manager: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StepError) as caught:
        package_relations(manager, tmp_path)
    assert caught.value.code == "packages-unreadable"


def test_settings_of_dnf_and_zypper(tmp_path: Path) -> None:
    files = {
        "etc/dnf/plugins/versionlock.list": "\n# Added exclude on Mon\n!*nvidia*-59?.*-*.*\n",
        "etc/dnf/modules.d/nvidia-driver.module": "[nvidia-driver]\nname=nvidia-driver\nstream=580-open\nprofiles=\nstate=enabled\n",
        "etc/yum.repos.d/crb.repo": "[crb]\nname=CRB\nenabled=1\n",
        "etc/zypp/locks": "\ntype: package\nversion: >= 581\nmatch_type: glob\ncase_sensitive: on\n"
        "solvable_name: nvidia-open*\n\n\ntype: package\nsolvable_name: mine\n\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert read_settings(tmp_path) == {
        "!*nvidia*-59?.*-*.*",
        "crb.repo [crb] enabled=1",
        "mine",
        "nvidia-driver.module [nvidia-driver] state=enabled",
        "nvidia-driver.module [nvidia-driver] stream=580-open",
        "nvidia-open* >= 581",
    }


@given(branch=st.integers(min_value=400, max_value=999), other=st.integers(min_value=400, max_value=999))
def test_every_newer_branch_is_left_out_and_no_other(branch: int, other: int) -> None:
    from fnmatch import fnmatchcase

    patterns = newer_driver_packages(branch)
    word = f"nvidia-driver-{other}.65.06-1.el10.x86_64"
    assert any(fnmatchcase(word, pattern) for pattern in patterns) is (other > branch)
    assert not any(fnmatchcase("nvidia-container-toolkit-1.17.8-1.x86_64", pattern) for pattern in patterns)
    assert not any(fnmatchcase("nvidia-x-6.1.2-1.x86_64", pattern) for pattern in patterns)


def test_a_manager_that_is_not_known_has_no_words() -> None:
    assert removal_words("brew") == ()
    assert removal_words("zypper")[-1] == "--no-clean-deps"
