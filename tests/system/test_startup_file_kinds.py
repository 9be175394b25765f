"""`torchup shell apply` on every kind of thing that a start-up file can be: written, or explained and left alone."""

from __future__ import annotations

import os
import pwd
import shlex
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.command import TORCHUP, Person
from support.tools import NIGHTLY, require
from torchup.shell.block_scan import find

ROOT = os.geteuid() == 0
RC = b"# mine\nexport EDITOR=vi"
SUPPORT = Path(__file__).parents[1] / "support"
FAULTS = f"{SUPPORT / 'write_faults'}{os.pathsep}{SUPPORT.parent}"


@pytest.fixture
def person(tmp_path: Path) -> Person:
    person = Person(home=tmp_path / "home")
    (person.home / ".bashrc").unlink()
    (person.home / ".zshrc").unlink()
    (person.home / ".profile").write_bytes(b'. "$HOME/.bashrc"\n')
    (tmp_path / "cuda/bin").mkdir(parents=True)
    return person


def apply_arguments(person: Person) -> tuple[str, ...]:
    return "shell", "apply", "--shell", "bash", "--cuda-home", str(person.home.parent / "cuda"), "--yes"


def apply(person: Person) -> subprocess.CompletedProcess[str]:
    return person.torchup(*apply_arguments(person))


def pipe(rc: Path) -> None:
    os.mkfifo(rc)


def null_device(rc: Path) -> None:
    rc.symlink_to(os.devnull)


def dangling(rc: Path) -> None:
    rc.symlink_to("nowhere/bashrc")


def circle(rc: Path) -> None:
    rc.symlink_to(rc.name)


def folder(rc: Path) -> None:
    rc.mkdir()


def a_socket(rc: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(rc))


def read_only(rc: Path) -> None:
    rc.write_bytes(RC)
    rc.chmod(0o444)


def damaged(rc: Path) -> None:
    rc.write_bytes(b"# >>> torchup >>>\nold\n")


@pytest.mark.parametrize(
    ("make", "said", "status"),
    [
        # Whoever points a start-up file there wants nothing written: the lines are printed.
        (pipe, "which holds no lines", 0),
        (null_device, "which holds no lines", 0),
        (a_socket, "which holds no lines", 0),
        (dangling, "which does not exist", 6),
        (circle, "symbolic links", 6),
        (folder, "it is a folder", 6),
        (read_only, "is read-only", 4),
        (damaged, "error[block-broken]", 6),
    ],
)
def test_what_cannot_be_written_is_named_and_left_alone(
    person: Person, make: Callable[[Path], None], said: str, status: int
) -> None:
    rc = person.home / ".bashrc"
    make(rc)
    before = rc.lstat()
    content = rc.read_bytes() if make in (read_only, damaged) else None
    done = apply(person)
    assert done.returncode == status, done.stdout + done.stderr
    everything = "".join((done.stdout + done.stderr).split())
    assert "".join(said.split()) in everything
    assert str(rc) in everything
    after = rc.lstat()
    assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (before.st_ino, before.st_mode, before.st_mtime_ns)
    assert content is None or rc.read_bytes() == content
    made = {".config"} if status == 4 else set()
    there = {path.name for path in person.home.iterdir()} - {".local", ".cache"}
    assert there == {".bashrc", ".profile", *made}


def there_and_back(person: Person) -> None:
    """Apply, look whether there is one whole block, remove."""
    done = apply(person)
    assert done.returncode in (0, 4), done.stderr
    assert find((person.home / ".bashrc").read_bytes()).kind == "intact"
    done = person.torchup("shell", "remove", "--yes")
    assert done.returncode == 0, done.stderr
    assert (person.home / ".bashrc").read_bytes() == RC
    assert not (person.home / ".config/torchup").exists()
    assert not (person.home / ".local/state/torchup/backups").exists()


def test_a_chain_of_links_into_a_repository(person: Person) -> None:
    repository = person.home / "git/dotfiles"
    repository.mkdir(parents=True)
    (repository / "bashrc").write_bytes(RC)
    (repository / "bashrc").chmod(0o640)
    (person.home / "middle").symlink_to("git/dotfiles/bashrc")
    (person.home / ".bashrc").symlink_to("middle")
    git = [require("git"), "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "mine"], check=True)
    there_and_back(person)
    assert (person.home / ".bashrc").readlink() == Path("middle")
    assert (person.home / "middle").readlink() == Path("git/dotfiles/bashrc")
    assert (repository / "bashrc").stat().st_mode & 0o7777 == 0o640
    status = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, check=True)
    assert status.stdout == ""


def test_a_second_hard_link_stays_one_file(person: Person) -> None:
    (person.home / ".bashrc").write_bytes(RC)
    (person.home / "backup").hardlink_to(person.home / ".bashrc")
    apply(person)
    assert (person.home / "backup").read_bytes() == (person.home / ".bashrc").read_bytes()
    assert find((person.home / "backup").read_bytes()).kind == "intact"
    there_and_back(person)
    assert (person.home / "backup").stat().st_nlink == 2


def test_a_home_with_a_space(tmp_path: Path) -> None:
    person = Person(home=tmp_path / "dave may's home")
    (person.home / ".bashrc").write_bytes(RC)
    (tmp_path / "cuda/bin").mkdir(parents=True)
    there_and_back(person)


def test_without_a_home_nothing_is_written_elsewhere(person: Person, tmp_path: Path) -> None:
    (person.home / ".bashrc").write_bytes(RC)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environ = {name: value for name, value in person.environ.items() if name != "HOME"}
    done = subprocess.run(
        [TORCHUP, "shell", "show", "--shell", "bash", "--cuda-home", tmp_path / "cuda", "--json"],
        cwd=elsewhere,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    # The account database knows the home.
    assert done.returncode == 0, done.stderr
    assert pwd.getpwuid(os.getuid()).pw_dir in done.stdout
    assert not list(elsewhere.iterdir())


@pytest.fixture
def namespace(person: Person) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Give a way to run a script where its mounts are seen by nobody else; `torchup` in it is the command."""
    probe = [require("unshare"), "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    if not ROOT or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("only root may make mounts of its own, and here it may not")

    def run(script: str) -> subprocess.CompletedProcess[str]:
        command = shlex.join([str(TORCHUP), *apply_arguments(person)])
        return subprocess.run(
            ["unshare", "--mount", "sh", "-eu", "-c", f"apply() {{ {command}; }}\n{script}"],
            cwd="/",
            env=person.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


Namespace = Callable[[str], subprocess.CompletedProcess[str]]


def test_a_bind_mounted_file_gets_its_block_in_place(person: Person, namespace: Namespace) -> None:
    real = person.home.parent / "real"
    real.write_bytes(RC)
    (person.home / ".bashrc").write_bytes(b"")
    inode = real.stat().st_ino
    done = namespace(
        f'mount --bind {real} "$HOME/.bashrc"\napply || [ $? = 4 ]\n'
        f'grep -c "^# >>> torchup" "$HOME/.bashrc"\n{TORCHUP} shell remove --yes'
    )
    assert done.returncode == 0, done.stderr
    assert "\n1\n" in done.stdout
    assert (real.read_bytes(), real.stat().st_ino) == (RC, inode)
    assert (person.home / ".bashrc").read_bytes() == b""


def test_a_read_only_file_system_is_named(person: Person, namespace: Namespace) -> None:
    (person.home / ".bashrc").write_bytes(RC)
    done = namespace(
        'touch "$HOME/.bashrc"\nrc="$HOME/.bashrc"\nmount --bind "$rc" "$rc"\nmount -o remount,ro,bind "$rc"\napply'
    )
    assert done.returncode == 6, done.stderr
    assert "mounted read-only" in " ".join(done.stderr.split())
    assert "chmod" not in done.stderr
    assert (person.home / ".bashrc").read_bytes() == RC


@pytest.mark.parametrize("kib", range(40, 112, 4) if NIGHTLY else (44, 64, 84, 104))
def test_a_disk_that_is_really_full(person: Person, namespace: Namespace, kib: int) -> None:
    """The disk fills up at another place with every size: at the backup, the journal, the new file."""
    done = namespace(
        f'mount -t tmpfs -o mode=755,size={kib}k tmpfs "$HOME"\n'
        'i=0; while [ $i -lt 1100 ]; do echo "export A=1 # a line"; i=$((i+1)); done >"$HOME/.bashrc"\n'
        'chmod 640 "$HOME/.bashrc"; before=$(cksum <"$HOME/.bashrc")\n'
        "status=0; apply || status=$?\n"
        'echo "status $status"\n'
        'after=$(cksum <"$HOME/.bashrc"); [ "$before" = "$after" ]; [ "$(stat -c %a "$HOME/.bashrc")" = 640 ]\n'
        'find "$HOME" -name "*.tmp" | grep . && exit 9\n'
        'mount -o remount,size=4m "$HOME"\napply || [ $? = 4 ]\n'
        f'{TORCHUP} undo --yes\nafter=$(cksum <"$HOME/.bashrc"); [ "$before" = "$after" ]'
    )
    assert done.returncode == 0, done.stdout + done.stderr
    status = done.stdout.partition("status ")[2].split()[0]
    assert status == "1", done.stderr
    assert "error[disk-full]" in done.stderr
    assert "sudo" not in done.stderr


def broken(person: Person, fault: str) -> dict[str, str]:
    return {**person.environ, "PYTHONPATH": FAULTS, "WRITE_FAULT": fault}


def run_broken(person: Person, fault: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [TORCHUP, *apply_arguments(person)],
        cwd=person.home,
        env=broken(person, fault),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )


def test_two_runs_at_once(person: Person) -> None:
    (person.home / ".bashrc").write_bytes(RC)
    with subprocess.Popen(
        [TORCHUP, *apply_arguments(person)],
        cwd=person.home,
        env=broken(person, "stop:20"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as first:
        try:
            os.waitid(os.P_PID, first.pid, os.WSTOPPED | os.WNOWAIT)
            second = apply(person)
            assert second.returncode == 6, second.stderr
            assert "error[another-run]" in second.stderr
            assert f"process {first.pid}" in second.stderr
        finally:
            first.send_signal(signal.SIGCONT)
        assert first.wait(60) in (0, 4)
    content = (person.home / ".bashrc").read_bytes()
    assert content.count(b"# >>> torchup") == 1
    assert content.startswith(RC)


def test_the_lock_of_a_dead_process_holds_nobody_up(person: Person) -> None:
    (person.home / ".bashrc").write_bytes(RC)
    # The first five calls note who holds the lock.
    assert run_broken(person, "kill:8").returncode == -signal.SIGKILL
    assert (person.home / ".local/state/torchup/lock-holder.json").exists()
    there_and_back(person)


SAMPLE = 1 if NIGHTLY else 14


def test_the_command_may_die_or_fail_at_each_call(person: Person, tmp_path: Path) -> None:
    """A sample of the calls; the apply stage alone is stopped at every one of them in another test."""
    rc = person.home / ".bashrc"
    rc.write_bytes(RC)
    run_broken(person, f"count:{tmp_path / 'calls'}")
    assert person.torchup("shell", "remove", "--yes").returncode == 0
    before = person.tree()
    calls = (tmp_path / "calls").read_text().split()
    assert len(calls) > 50
    for number in range(1, len(calls) + 1, SAMPLE):
        for fault, status in (("kill", (-signal.SIGKILL,)), ("ENOSPC", (0, 1, 4, 5))):
            done = run_broken(person, f"{fault}:{number}")
            here = f"{fault} at call {number} ({calls[number - 1]})\n{done.stderr.decode()}"
            assert done.returncode in status, here
            assert find(rc.read_bytes()).kind in ("absent", "intact"), here
            undone = person.torchup("undo", "--yes")
            assert undone.returncode in (0, 6), here + undone.stderr  # 6: nothing was done, or it was put back
            assert person.tree() == before, here
            assert not list(person.home.rglob("*.tmp")), here


def test_resume_goes_on_after_a_kill(person: Person, tmp_path: Path) -> None:
    rc = person.home / ".bashrc"
    rc.write_bytes(RC)
    run_broken(person, f"count:{tmp_path / 'calls'}")
    wanted = rc.read_bytes()
    assert person.torchup("undo", "--yes").returncode == 0
    calls = (tmp_path / "calls").read_text().split()
    renames = [number for number, name in enumerate(calls, start=1) if name in ("replace", "link")]
    for number in (renames[-1], renames[-1] + 1):  # right before the file gets its new bytes, and right after
        assert run_broken(person, f"kill:{number}").returncode == -signal.SIGKILL
        assert rc.read_bytes() == (RC if number == renames[-1] else wanted)
        done = apply(person)
        assert done.returncode == 6
        assert "error[unfinished-run]" in done.stderr
        done = person.torchup("resume")
        assert done.returncode in (0, 4), done.stderr
        assert rc.read_bytes() == wanted
        assert person.torchup("undo", "--yes").returncode == 0
        assert rc.read_bytes() == RC


def test_a_line_of_the_owner_inside_the_block_is_never_lost(person: Person) -> None:
    rc = person.home / ".bashrc"
    rc.write_bytes(RC)
    apply(person)
    edited = rc.read_bytes().replace(b"# <<< torchup <<<", b"export MINE=1\n# <<< torchup <<<")
    rc.write_bytes(edited)
    for arguments in (apply_arguments(person), ("shell", "remove", "--yes")):
        done = person.torchup(*arguments)
        assert done.returncode == 6, done.stderr
        assert "error[block-edited]" in done.stderr
        assert str(rc) in done.stderr
        assert "+export MINE=1" in done.stderr
        assert rc.read_bytes() == edited
    done = person.torchup("undo", "--yes")
    assert done.returncode == 5
    assert "+export MINE=1" in done.stderr
    assert rc.read_bytes() == edited


def test_edits_around_the_block_stay_and_only_our_bytes_go(person: Person) -> None:
    rc = person.home / ".bashrc"
    for way in (("undo", "--yes"), ("shell", "remove", "--yes")):
        rc.write_bytes(RC)
        apply(person)
        rc.write_bytes(b"# above\n" + rc.read_bytes() + b"export NVM_DIR=x")
        assert person.torchup(*way).returncode == 0
        # The line end that RC lacked stays, because it now keeps two lines of the owner apart.
        assert rc.read_bytes() == b"# above\n" + RC + b"\nexport NVM_DIR=x"


def test_removal_finds_what_would_not_be_chosen_today(person: Person) -> None:
    moved = person.home / "zsh-files"
    moved.mkdir()
    (moved / ".zshrc").write_bytes(RC)
    (person.home / ".bashrc").write_bytes(RC)
    arguments = ("shell", "apply", "--shell", "zsh", "--cuda-home", str(person.home.parent / "cuda"), "--yes")
    assert person.torchup(*arguments, timeout=120, ZDOTDIR=str(moved)).returncode in (0, 4)
    private = person.home / ".private"
    assert person.torchup(*apply_arguments(person), "--rc", str(private)).returncode in (0, 4)
    assert find((moved / ".zshrc").read_bytes()).kind == find(private.read_bytes()).kind == "intact"
    done = person.torchup("shell", "remove", "--yes")
    assert done.returncode == 0, done.stderr
    assert (moved / ".zshrc").read_bytes() == RC
    assert not private.exists()
    assert not (person.home / ".config/torchup").exists()
    again = person.torchup("shell", "remove", "--yes")
    assert again.returncode == 0
    assert "Nothing to do." in again.stdout
