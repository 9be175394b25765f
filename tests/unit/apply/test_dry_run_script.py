"""The dry run: it changes nothing, and its script ends where apply ends."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.sandbox import Sandbox, passing, tree
from support.tools import require
from torchup.apply.folders import MARKER
from torchup.apply.recording_system import MadeDirectory, Ran, Removed, Written
from torchup.apply.run import apply_plan, base_of
from torchup.apply.script import dry_run, effect_lines
from torchup.apply.system import FileState
from torchup.errors import StepError
from torchup.model.plan import Command, EditManagedBlock, Plan, Reboot, RemoveFile, WriteFile
from torchup.model.request import Request, ShellWish

AWKWARD = {
    ".bashrc": b"# caf\xe9, no text in UTF-8\r\n\x00\x01%d \\n 'quoted' \"twice\" $HOME `date`\nno end \\",
    ".zshrc": b"",
    ".profile": b"cat <<'TORCHUP'\nTORCHUP\n",
}

WATCHED = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.chown", "os.link", "os.symlink",
           "os.truncate", "os.utime", "os.setxattr", "subprocess.Popen", "os.fork", "os.exec", "os.posix_spawn",
           "os.system", "socket.connect", "shutil.rmtree")  # fmt: skip
_seen: list[str] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is None:
        return
    writing = (
        event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    )
    if event in WATCHED or writing:
        _seen.append(f"{event} {arguments[:2]}")


sys.addaudithook(_watch)


@contextmanager
def nothing_happens() -> Iterator[None]:
    """Fail when anything is written, started or connected to meanwhile."""
    global _seen  # noqa: PLW0603 - an audit hook cannot be taken out again
    _seen = []
    try:
        yield
        assert _seen == []
    finally:
        _seen = None


def script_of(box: Sandbox, plan: Plan) -> str:
    return dry_run(plan, box.machine.system(), box.context, root_by=()).script


def run_script(script: str, shell: str, home: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [shell, "-s"],
        input=script.encode("utf-8", "surrogateescape"),
        env={"HOME": str(home), "PATH": os.environ["PATH"], "UV_CACHE_DIR": str(home / ".cache/uv"), **environment},
        capture_output=True,
        check=False,
    )


def test_a_dry_run_changes_nothing(box: Sandbox) -> None:
    plan = box.plan()
    before = tree(box.home, leave_out=())
    system, context = box.machine.system(), box.context
    dry_run(plan, system, context)
    with nothing_happens():
        dry = dry_run(plan, system, context)
    assert dry.result.changed
    assert tree(box.home, leave_out=()) == before


def test_the_watch_sees_what_it_is_to_see(tmp_path: Path) -> None:
    with pytest.raises(AssertionError), nothing_happens():
        (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AssertionError), nothing_happens():
        subprocess.run(["true"], check=True)


@pytest.mark.parametrize("shell", ["dash", "bash", "ksh"])
def test_the_script_ends_where_apply_ends(tmp_path: Path, shell: str) -> None:
    box = Sandbox.create(tmp_path, rc=AWKWARD)
    (box.home / "dot files").mkdir()
    (box.home / ".bashrc").rename(box.home / "dot files/bashrc")
    (box.home / ".bashrc").symlink_to("dot files/bashrc")
    (box.home / "dot files/bashrc").chmod(0o604)
    box.wish(path=str(box.home / "my envs/it's $HOME"))
    original = tmp_path / "original"
    shutil.copytree(box.home, original, symlinks=True)
    plan = box.plan(torchup=("true",))
    dry = dry_run(plan, box.machine.system(), box.context, root_by=())
    wet = apply_plan(plan, box.machine, verifier=passing)
    assert [(o.step_id, o.status) for o in dry.result.outcomes] == [(o.step_id, o.status) for o in wet.outcomes]
    expected = tree(box.home)
    # The marker names a run of the journal, and a script is none: torchup does not undo what somebody else ran.
    del expected[f"my envs/it's $HOME/{MARKER}"]
    shutil.rmtree(box.home)
    shutil.copytree(original, box.home, symlinks=True)
    done = run_script(dry.script, require(shell), box.home)
    assert done.returncode == 0, done.stderr
    assert tree(box.home) == expected


@pytest.mark.parametrize("umask", [0o002, 0o077])
def test_so_it_does_for_somebody_with_another_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        test_the_script_ends_where_apply_ends(tmp_path, "dash")
    finally:
        os.umask(before)


def test_the_script_of_a_second_run_has_only_comments_and_the_test(box: Sandbox) -> None:
    apply_plan(box.plan(), box.machine, verifier=passing)
    script = script_of(box, box.plan(torchup=("echo", "tested")))
    before = tree(box.home, leave_out=())
    done = run_script(script, "sh", box.home)
    assert done.returncode == 0
    assert done.stdout.startswith(b"tested verify")
    assert tree(box.home, leave_out=()) == before
    assert "uv pip install" not in script


def test_the_script_stops_at_a_file_that_changed(box: Sandbox) -> None:
    script = script_of(box, box.plan())
    (box.home / ".bashrc").write_bytes(b"# other\n")
    done = run_script(script, "sh", box.home)
    assert done.returncode == 1
    assert b"has changed since this script was made" in done.stderr
    assert (box.home / ".bashrc").read_bytes() == b"# other\n"


def test_the_script_stops_at_a_file_that_appeared(box: Sandbox) -> None:
    script = script_of(box, box.plan())
    (box.home / ".config/torchup").mkdir(parents=True)
    (box.home / ".config/torchup/answers.yaml").write_text("mine\n")
    done = run_script(script, "sh", box.home)
    assert done.returncode == 1
    assert (box.home / ".config/torchup/answers.yaml").read_text() == "mine\n"


def test_settings_of_the_shell_do_not_change_what_the_script_means(box: Sandbox) -> None:
    script = script_of(box, box.plan(torchup=("true",)))
    done = run_script(script, "sh", box.home, UV_PYTHON="/nowhere", UV_OVERRIDE="/nowhere", PYTHONHOME="/nowhere")
    assert done.returncode == 0, done.stderr


def test_shellcheck_finds_nothing(tmp_path: Path) -> None:
    box = Sandbox.create(tmp_path, rc=AWKWARD)
    shellcheck = Path(sys.executable).parent / "shellcheck"
    program = str(shellcheck) if shellcheck.exists() else require("shellcheck")
    script = script_of(box, box.plan())
    done = subprocess.run([program, "--shell=sh", "-"], input=script, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def test_a_dry_run_needs_no_home_that_can_be_written(box: Sandbox) -> None:
    if os.geteuid() == 0:
        done = subprocess.run(["mount", "--bind", "-o", "ro", box.home, box.home], check=False)
        if done.returncode:
            pytest.skip("this machine does not let us mount")
    else:
        box.home.chmod(0o555)
    try:
        assert "uv pip install" in script_of(box, box.plan(target=_target(box)))
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", box.home], check=True)
        else:
            box.home.chmod(0o755)


def _target(box: Sandbox) -> object:
    from torchup.plan.target import TargetState

    return TargetState(path=str(box.environment), kind="absent")


def test_a_dry_run_refuses_what_apply_would_refuse(box: Sandbox) -> None:
    plan = box.plan()
    (box.home / ".zshrc").symlink_to("nowhere")
    with pytest.raises(StepError) as dry:
        script_of(box, plan)
    before = tree(box.home)
    with pytest.raises(StepError) as wet:
        apply_plan(plan, box.machine, verifier=None)
    assert dry.value.code == wet.value.code == "dangling-link"
    assert tree(box.home) == before


def test_later_steps_see_what_earlier_ones_would_do(box: Sandbox) -> None:
    path = str(box.home / "file")
    common = {"summary": "s", "why": "w", "path": path}
    steps = (
        WriteFile(id="1", content="one\n", **common),  # type: ignore[arg-type]
        WriteFile(id="2", content="one\n", **common),  # type: ignore[arg-type]
        RemoveFile(id="3", **common),  # type: ignore[arg-type]
        RemoveFile(id="4", **common),  # type: ignore[arg-type]
        EditManagedBlock(id="5", **{"shell": "sh", "body": "true\n", "create": True, **common}),  # type: ignore[arg-type]
    )
    plan = Plan(tool_version="0", facts_digest="", request_digest="", steps=steps)
    dry = dry_run(plan, box.machine.system(), box.context, root_by=())
    wet = apply_plan(plan, box.machine, verifier=None)
    statuses = [outcome.status for outcome in wet.outcomes]
    assert statuses == ["changed", "unchanged", "changed", "unchanged", "changed"]
    assert [outcome.status for outcome in dry.result.outcomes] == statuses
    expected = tree(box.home)
    (box.home / "file").unlink()
    assert run_script(dry.script, "sh", box.home).returncode == 0
    assert tree(box.home) == expected


def test_a_block_taken_out_leaves_the_bytes_around_it(tmp_path: Path) -> None:
    box = Sandbox.create(tmp_path, rc=AWKWARD)
    before = tree(box.home)
    apply_plan(box.plan(), box.machine, verifier=passing)
    box.request = Request(shell=ShellWish())
    from torchup.apply.survey import read_file
    from torchup.plan.shell_steps import plan_shell_removal

    removal = plan_shell_removal(wish=box.request.shell, facts=box.facts, context=box.context, files=read_file)
    plan = Plan(tool_version="0", facts_digest="", request_digest="", steps=removal.steps)
    script = dry_run(plan, box.machine.system(), box.context, root_by=()).script
    assert run_script(script, "sh", box.home).returncode == 0
    after = tree(box.home)
    assert {name: after[name] for name in before} == before


def test_a_restart_divides_the_script(box: Sandbox) -> None:
    restart = Reboot(id="restart", summary="Restart", why="The driver is new.")
    plan = Plan(tool_version="0", facts_digest="", request_digest="", steps=(restart,))
    script = script_of(box, plan)
    assert run_script(script, "sh", box.home).returncode == 3


def test_root_and_private_files_are_written_so() -> None:
    command = Command(argv=("apt-get", "install", "a b"), environment={"DEBIAN_FRONTEND": "noninteractive"})
    assert effect_lines(Ran(command=command, as_root=True), root_by=("sudo",)) == (
        "sudo env DEBIAN_FRONTEND=noninteractive apt-get install 'a b'",
    )
    assert effect_lines(MadeDirectory(paths=("/a", "/a/b"), mode=0o700)) == (
        "(umask g-w,o-w && mkdir -p /a)",
        "[ -d /a/b ] || mkdir -m 700 /a/b",
    )
    absent = FileState(kind="absent", real_path="/a")
    private = Written(
        path="/a", before=absent, after=FileState(kind="file", content=b"x\n", mode=0o600, real_path="/a")
    )
    assert "umask 077" in "\n".join(effect_lines(private))
    folder = FileState(kind="directory", mode=0o755, real_path="/e")
    assert effect_lines(Removed(path="/e", before=folder)) == ("rm -rf /e",)


def test_the_script_says_how_it_is_taken_back_by_hand(box: Sandbox) -> None:
    """What it names, done after the script, leaves nothing of it but an empty line of a start-up file's own."""
    before = tree(box.home)
    script = dry_run(box.plan(), base_of(box.plan(), box.machine, elsewhere=False), box.context).script
    head = script.partition("\nset -eu\n")[0].splitlines()
    assert any("does not know what this script does" in line for line in head)
    commands = [line.removeprefix("#   ") for line in head if line.startswith("#   ")]
    environ = {**box.context.environ, "PATH": os.environ["PATH"]}
    done = subprocess.run(["sh"], input=script.encode(), env=environ, cwd=box.home, capture_output=True, check=False)
    assert (box.environment / "bin/python").exists(), done.stderr.decode()
    assert "torchup shell remove" in commands
    assert not [command for command in commands if command.startswith("rm ") and command.endswith("rc")]
    for command in commands:
        argv = shlex.split(command)
        if argv[0] == "torchup":
            argv = [str(Path(sys.executable).with_name("torchup")), *argv[1:], "--yes"]
        undone = subprocess.run(argv, env=environ, cwd=box.home, capture_output=True, check=False)
        assert undone.returncode == 0, (argv, undone.stderr)
    assert tree(box.home) == before


def test_a_startup_file_that_the_script_makes_is_never_named_for_removal(box: Sandbox) -> None:
    """By the time somebody takes the script back, it may hold lines of their own."""
    for name in (".bashrc", ".profile"):
        (box.home / name).unlink()
    script = dry_run(box.plan(), base_of(box.plan(), box.machine, elsewhere=False), box.context).script
    head = script.partition("\nset -eu\n")[0]
    assert "#   torchup shell remove" in head
    for name in (".bashrc", ".profile", ".zshrc"):
        assert f"rm -f {box.home / name}" not in head
