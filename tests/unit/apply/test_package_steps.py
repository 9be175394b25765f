"""Steps over the system's packages: only what is missing, never a question, dry like wet, undo as commands."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

import pytest

from support.sandbox import Sandbox
from support.stand_in_apt import StandInApt
from torchup.apply import real_system
from torchup.apply.installed_packages import dpkg_was_cut_off, installed_packages, parse_dpkg_status, parse_rpm
from torchup.apply.manager_settings import read_settings
from torchup.apply.package_commands import can_stop, expected, lacking, manager_of, naming_only, quiet
from torchup.apply.run import apply_plan, predict, resume_run, undo_run
from torchup.apply.script import dry_run
from torchup.apply.system import SystemPackage
from torchup.errors import RefusedError, StepError, StoppedError
from torchup.model.plan import Command, HoldPackages, Plan, Step, WriteFile


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandInApt:
    return StandInApt.create(tmp_path / "debian", monkeypatch)


def plan_of(*steps: Step) -> Plan:
    return Plan(tool_version="0", facts_digest="", request_digest="", steps=steps)


def sources(apt: StandInApt) -> WriteFile:
    return WriteFile(
        id="sources", summary="s", why="w", path=str(apt.root / "sources.list"), content="deb file:/srv/x ./\n"
    )


def test_the_second_run_calls_nothing_and_the_dry_run_foretells_the_first(box: Sandbox, apt: StandInApt) -> None:
    apt.offer("toolkit", "compiler", "libraries")
    file = sources(apt)
    plan = plan_of(file, apt.repository(creates=(file.path,)), apt.install("toolkit", "base-files"))
    predicted = predict(plan, box.machine)
    assert [outcome.status for outcome in predicted] == ["changed"] * 3
    assert apt.calls == []
    done = apply_plan(plan, box.machine, verifier=None)
    assert [outcome.detail for outcome in done.outcomes] == [outcome.detail for outcome in predicted]
    assert apt.calls == ["update", "install -y toolkit"]
    assert apt.installed == {"base-files", "toolkit", "compiler", "libraries"}
    calls = apt.calls
    again = apply_plan(plan, box.machine, verifier=None)
    assert not again.changed
    assert again.journal is None
    assert apt.calls == calls


def test_the_script_calls_what_apply_calls(box: Sandbox, apt: StandInApt, monkeypatch: pytest.MonkeyPatch) -> None:
    apt.offer("toolkit")
    plan = plan_of(apt.repository(), apt.install("toolkit"))
    script = dry_run(plan, box.machine.system(), box.context).script
    assert "DEBIAN_FRONTEND=noninteractive" in script
    subprocess.run(["sh", "-c", script], check=True, stdin=subprocess.DEVNULL)
    by_script, installed = apt.calls, apt.installed
    other = StandInApt.create(apt.root.parent / "other", monkeypatch)
    other.offer("toolkit")
    apply_plan(plan_of(other.repository(), other.install("toolkit")), box.machine, verifier=None)
    assert (other.calls, other.installed) == (by_script, installed)


def test_undo_names_only_what_came_and_is_done_when_it_is_gone(box: Sandbox, apt: StandInApt) -> None:
    apt.offer("toolkit")
    apply_plan(plan_of(apt.install("toolkit", "base-files")), box.machine, verifier=None)
    status = (apt.root / "var/lib/dpkg/status").read_text()
    with pytest.raises(StoppedError) as caught:
        undo_run(box.machine).raise_if_left()
    assert caught.value.exit_status == 5
    assert "apt-get remove --autoremove toolkit" in caught.value.evidence
    assert (apt.root / "var/lib/dpkg/status").read_text() == status
    (apt.root / "var/lib/dpkg/status").write_text(status.split("\n\n")[0] + "\n\n")
    undo_run(box.machine).raise_if_left()


def test_a_failure_that_changed_nothing_is_rolled_back_whole(box: Sandbox, apt: StandInApt) -> None:
    file = sources(apt)
    plan = plan_of(file, apt.repository(creates=(file.path,)), apt.install("nowhere"))
    with pytest.raises(StepError) as caught:
        apply_plan(plan, box.machine, verifier=None)
    assert (caught.value.code, caught.value.exit_status) == ("no-such-package", 1)
    assert not Path(file.path).exists()


def test_success_is_not_believed(box: Sandbox, apt: StandInApt) -> None:
    apt.program.write_text("#!/bin/sh\nexit 0\n")
    with pytest.raises(StepError) as caught:
        apply_plan(plan_of(apt.install("toolkit")), box.machine, verifier=None)
    assert caught.value.code == "not-installed"


OURS = "W: Failed to fetch file:/srv/x/InRelease  Temporary failure resolving 'x'"
OTHERS = "W: Failed to fetch file:/srv/other/InRelease  Temporary failure resolving 'x'"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (f"Hit:1 file:/srv/other\n{OURS}", "network"),
        (f"Hit:1 file:/srv/x\n{OTHERS}", None),
        (OTHERS, "network"),
        ("Hit:1 file:/srv/other\nW: GPG error: file:/srv/x ./ InRelease: NO_PUBKEY 1", "signature"),
        ("Hit:1 file:/srv/x", None),
    ],
)
def test_a_list_of_ours_that_could_not_be_read_is_a_failure(
    box: Sandbox, apt: StandInApt, said: str, code: str | None
) -> None:
    apt.offer("toolkit")
    (apt.root / "said").write_text(f"{said}\n")
    file = sources(apt)
    shown = Command(argv=("cat", str(apt.root / "said")))
    plan = plan_of(file, apt.repository(creates=(file.path,), commands=(shown,)), apt.install("toolkit"))
    if code is None:
        apply_plan(plan, box.machine, verifier=None)
        return
    with pytest.raises(StepError) as caught:
        apply_plan(plan, box.machine, verifier=None)
    assert caught.value.code == code


def test_another_root_has_no_packages_of_this_system(box: Sandbox, apt: StandInApt, tmp_path: Path) -> None:
    from dataclasses import replace

    elsewhere = replace(box.machine, context=replace(box.context, root=tmp_path))
    with pytest.raises(RefusedError) as caught:
        predict(plan_of(apt.install("toolkit")), elsewhere)
    assert caught.value.code == "outside-root"


def holding(apt: StandInApt, monkeypatch: pytest.MonkeyPatch, body: str) -> HoldPackages:
    """Make a step whose list of locks is a file of the stand-in's, and whose command does this to it."""
    (apt.root / "etc/dnf/plugins").mkdir(parents=True)
    (apt.root / "etc/dnf/plugins/versionlock.list").write_text("!mine\n")
    monkeypatch.setattr(real_system, "read_settings", partial(read_settings, apt.root))
    command = Command(argv=("sh", "-c", f"cd {apt.root}/etc/dnf/plugins && {body}"))
    undo = Command(argv=("dnf", "versionlock", "delete", "driver"))
    return HoldPackages(
        id="hold", summary="Hold the driver", why="w", privilege="user", manager="dnf", holds=("!driver",),
        commands=(command,), undo_commands=(undo,),
    )  # fmt: skip


def test_a_hold_is_taken_back_when_its_entry_is_gone(
    box: Sandbox, apt: StandInApt, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(holding(apt, monkeypatch, "echo '!driver' >>versionlock.list"))
    assert [outcome.status for outcome in predict(plan, box.machine)] == ["changed"]
    assert apply_plan(plan, box.machine, verifier=None).changed
    assert not apply_plan(plan, box.machine, verifier=None).changed
    with pytest.raises(StoppedError) as caught:
        undo_run(box.machine).raise_if_left()
    assert "dnf versionlock delete driver" in caught.value.evidence
    (apt.root / "etc/dnf/plugins/versionlock.list").write_text("!mine\n!another of mine\n")
    undo_run(box.machine).raise_if_left()


@pytest.mark.parametrize(("body", "said"), [("exit 3", "Hold the driver"), ("true", "nothing holds !driver")])
def test_a_hold_that_failed_is_no_change_and_is_said(
    box: Sandbox, apt: StandInApt, monkeypatch: pytest.MonkeyPatch, body: str, said: str
) -> None:
    apt.offer("driver")
    with pytest.raises(StepError) as caught:
        apply_plan(plan_of(holding(apt, monkeypatch, body), apt.install("driver")), box.machine, verifier=None)
    assert caught.value.exit_status == 1
    assert said in caught.value.message
    assert apt.calls == []
    with pytest.raises(RefusedError, match="nothing to undo"):
        undo_run(box.machine)


def test_undo_names_what_came_along_and_not_what_came_later_is_needed_or_wanted(box: Sandbox, apt: StandInApt) -> None:
    apt.offer("toolkit", "compiler", "libraries", "viewer")
    apply_plan(plan_of(apt.install("toolkit")), box.machine, verifier=None)
    status = apt.root / "var/lib/dpkg/status"
    text = status.read_text().replace(
        "Package: viewer\nStatus: install ok installed", "Package: viewer\nStatus: purge ok not-installed"
    )
    status.write_text(
        f"{text}Package: later\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\nDepends: libraries\n\n"
    )
    with pytest.raises(StoppedError) as caught:
        undo_run(box.machine).raise_if_left()
    assert "apt-get remove --autoremove compiler toolkit" in caught.value.evidence


def test_a_resumed_step_still_knows_what_was_there_before_the_first_try(box: Sandbox, apt: StandInApt) -> None:
    apt.offer("toolkit", "compiler")
    with pytest.raises(StoppedError):
        apply_plan(plan_of(apt.install("toolkit", "another")), box.machine, verifier=None)
    assert "compiler" in apt.installed, "the first try brought a part"
    apt.offer("another")
    resume_run(box.machine, verifier=None)
    with pytest.raises(StoppedError) as caught:
        undo_run(box.machine).raise_if_left()
    assert "apt-get remove --autoremove another compiler toolkit" in caught.value.evidence


INSTALLED = (
    SystemPackage("nvidia-driver", "550.163.01-2", "amd64"),
    SystemPackage("cuda-keyring", "1.1-1", "all"),
    SystemPackage("kernel-devel", "5.14.0-503.el9", "x86_64"),
    SystemPackage("kernel-devel", "5.14.0-427.el9", "x86_64"),
    SystemPackage("libcuda1", "1:580.65.06-1", "amd64"),
    SystemPackage("half", "1.0", "amd64", whole=False),
)


@pytest.mark.parametrize(
    ("word", "there"),
    [
        ("nvidia-driver", True),
        ("nvidia-driver=550.*", True),
        ("nvidia-driver=580.*", False),
        ("nvidia-driver:amd64", True),
        ("nvidia-driver:i386", False),
        ("libcuda1=580.*", True),
        ("libcuda1=1:580.65.06-1", True),
        ("kernel-devel-5.14.0-427.el9.x86_64", True),
        ("kernel-devel-5.14.0-427.el9", True),
        ("kernel-devel-5.14.0", True),
        ("kernel-devel-6.0", False),
        ("kernel-devel.x86_64", True),
        ("kernel-devel.aarch64", False),
        ("kernel", False),
        ("/tmp/cuda-keyring_1.1-1_all.deb", True),
        ("/tmp/cuda-keyring_1.2-1_all.deb", False),
        ("half", False),
    ],
)
def test_words_name_packages_as_the_managers_take_them(word: str, there: bool) -> None:
    assert (lacking((word,), INSTALLED) == ()) is there


@pytest.mark.parametrize("word", ["a", "a=1.2*", "a:amd64", "/x/a_1.2_all.deb", "a=1:2-3"])
def test_what_a_recording_believes_satisfies_the_word(word: str) -> None:
    assert lacking((word,), (expected(word),)) == ()


@pytest.mark.parametrize(
    ("argv", "stops"),
    [
        (("apt-get", "update"), True),
        (("/usr/bin/apt-get", "install", "-y", "--download-only", "x"), True),
        (("apt-get", "install", "-y", "x"), False),
        (("dpkg", "--configure", "-a"), False),
        (("dnf", "makecache", "--refresh"), True),
        (("dnf", "-y", "install", "x"), False),
        (("zypper", "--non-interactive", "refresh"), True),
        (("zypper", "in", "-d", "x"), True),
        (("pacman", "-Sw", "--noconfirm", "x"), True),
        (("pacman", "-Syu", "--noconfirm", "x"), False),
        (("pacman", "-S", "x"), False),
        (("sh", "-c", "update"), False),
    ],
)
def test_only_what_installs_nothing_may_be_stopped_at_any_moment(argv: tuple[str, ...], stops: bool) -> None:
    assert can_stop(argv) is stops


def test_managers_are_kept_quiet_and_the_plan_has_the_last_word() -> None:
    command = quiet(Command(argv=("/usr/bin/apt-get", "install", "x"), environment={"LC_ALL": "C"}))
    assert command.environment["DEBIAN_FRONTEND"] == "noninteractive"
    assert command.environment["LC_ALL"] == "C"
    other = Command(argv=("modprobe", "nvidia"))
    assert quiet(other) is other
    assert manager_of(()) is None


def test_a_removal_of_what_was_all_there_before_is_left_out() -> None:
    commands = (Command(argv=("apt-get", "remove", "a", "b")), Command(argv=("apt-get", "remove", "c")))
    kept = naming_only(commands, ("a", "b", "c"), ("a", "c"))
    assert [command.argv for command in kept] == [("apt-get", "remove", "b")]


def test_dpkgs_records_are_read_with_their_states() -> None:
    text = (
        "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2-3\nDescription: x\n Status: no\n\n"
        "Package: b\nStatus: deinstall ok config-files\nVersion: 1\n\n"
        "Package: c\nStatus: install ok half-configured\nVersion: 1\nArchitecture: all\n"
    )
    assert parse_dpkg_status(text) == {
        SystemPackage("a", "1:2-3", "amd64"),
        SystemPackage("c", "1", "all", whole=False),
    }


def test_rpms_and_pacmans_records_are_read(tmp_path: Path) -> None:
    assert parse_rpm("a\t1:2-3\tx86_64\ngpg-pubkey\t1-2\t(none)\nodd\n") == {
        SystemPackage("a", "1:2-3", "x86_64"),
        SystemPackage("gpg-pubkey", "1-2", "(none)"),
    }
    (tmp_path / "var/lib/pacman/local/nvidia-open-dkms-580.65.06-1").mkdir(parents=True)
    assert installed_packages("pacman", tmp_path) == {SystemPackage("nvidia-open-dkms", "580.65.06-1")}


@pytest.mark.parametrize(
    ("status", "note", "cut_off"),
    [
        ("installed", None, False),
        ("unpacked", None, True),
        ("half-configured", None, True),
        ("installed", "0001", True),
    ],
)
def test_a_dpkg_that_was_cut_off_is_known(tmp_path: Path, status: str, note: str | None, cut_off: bool) -> None:
    folder = tmp_path / "var/lib/dpkg"
    (folder / "updates").mkdir(parents=True)
    (folder / "status").write_text(f"Package: a\nStatus: install ok {status}\nVersion: 1\n")
    if note:
        (folder / "updates" / note).write_text("")
    assert dpkg_was_cut_off(tmp_path) is cut_off


@pytest.mark.parametrize("manager", ["apt", "dnf", "pacman", "brew"])
def test_a_manager_that_is_not_there_is_said(tmp_path: Path, manager: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StepError) as caught:
        installed_packages(manager, tmp_path)
    assert caught.value.code == ("manager-unknown" if manager == "brew" else "packages-unreadable")
