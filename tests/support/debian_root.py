"""Real Debian systems to try package managers in: debootstrap makes one per release, tests get copies on top.

A root is entered through a mount and process namespace of its own. Its files are an overlay over the cached
system, so that a test may break it. torchup runs in it from this checkout, with this interpreter.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from support.tools import CACHE, require, unavailable
from torchup.model.plan import Plan, Step
from torchup.model.serial import dump

REPOSITORY = Path(__file__).parents[2]
ROOTS = CACHE / "roots"
FITTED = "ca-certificates,openssl,sudo,curl,python3"
"""What most tests need in a system; python3 brings the libraries that this interpreter needs too."""
FRESH = "git,make,python3,python3-venv"
"""What the README asks for, and nothing else."""
_OLDEST_SECONDS = 14 * 24 * 3600
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}

_ENTER = """\
set -e
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
cd "$2/root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs run
shift 2
for path; do
  mkdir -p ".$path"
  mount --rbind "$path" ".$path"
done
echo ready
exec sleep infinity
"""


def mirror() -> str:
    """Give the Debian mirror that this machine's own apt is configured with; skips where there is none."""
    if shutil.which("apt-get") is None:
        unavailable("this machine has no apt, whose mirror the Debian roots come from")
    form = "$(CREATED_BY) $(ORIGIN) $(COMPONENT) $(REPO_URI) $(RELEASE)"
    listed = subprocess.run(["apt-get", "indextargets", "--format", form], capture_output=True, text=True, check=True)
    for line in listed.stdout.splitlines():
        kind, origin, component, uri, release = [*line.split(), "", "", "", "", ""][:5]
        if (kind, origin, component) == ("Packages", "Debian", "main") and "-" not in release:
            return uri
    return unavailable("this machine's apt knows no Debian mirror")


def base_system(release: str, packages: str = FITTED) -> Path:
    """Give the folder of a fresh minimal system; it is made once and kept for two weeks."""
    if os.geteuid() != 0:
        unavailable("only root can make and enter a Debian root")
    if (
        shutil.which("unshare") is None
        or subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], check=False).returncode
    ):
        unavailable("this machine does not allow namespaces of its own")
    program, source = require("debootstrap"), mirror()
    ROOTS.mkdir(parents=True, exist_ok=True)
    name = release if packages == FITTED else f"{release}-{packages.replace(',', '-')}"
    with FileLock(ROOTS / f"{release}.lock"):  # they share what was downloaded
        folder = ROOTS / name
        if folder.is_dir() and time.time() - folder.stat().st_ctime > _OLDEST_SECONDS:
            shutil.rmtree(folder)
        if not folder.is_dir():
            _bootstrap([program, "--variant=minbase", f"--include={packages}"], release, source).rename(folder)
    return folder


def _bootstrap(command: list[str], release: str, source: str) -> Path:
    """Make a system; what was downloaded is kept, so that another try after a slow or busy moment is cheap."""
    beside, kept = ROOTS / f"{release}.new", ROOTS / "packages"
    kept.mkdir(exist_ok=True)
    said = ""
    for pause in (0, 5, 30):
        time.sleep(pause)
        shutil.rmtree(beside, ignore_errors=True)
        made = subprocess.run(
            [*command, f"--cache-dir={kept}", release, beside, source],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DPKG_FORCE": "unsafe-io"},  # what a power cut spoils is made again
        )
        if made.returncode == 0:
            return beside
        said = "; ".join([*made.stdout.splitlines()[-3:], *made.stderr.splitlines()[-2:]])
    shutil.rmtree(beside, ignore_errors=True)
    return unavailable(f"debootstrap could not make {release} in three tries: {said}")


@dataclass(slots=True)
class DebianRoot:
    """A running Debian root; its files are below `folder`, as seen from inside its namespace only."""

    folder: Path
    pid: int
    fitted: bool = True
    environment: dict[str, str] = field(default_factory=lambda: dict(_ENVIRONMENT))

    def argv(self, *argv: str, user: str | None = None) -> list[str]:
        """Give the command that runs another one inside."""
        as_user = ("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups") if user is not None else ()
        return [
            *("nsenter", f"--target={self.pid}", "--mount", "--pid", "--net", f"--root=/proc/{self.pid}/root"),
            *("--wd=/", "chroot", str(self.folder / "root"), *as_user, *argv),
        ]

    def variables(self, user: str | None = None) -> dict[str, str]:
        home = f"/home/{user}" if user is not None else "/root"
        ours = {"PYTHONPATH": f"{REPOSITORY}/installer:{REPOSITORY}/tests"} if self.fitted else {}
        return {**self.environment, "HOME": home, **ours}

    def run(
        self, *argv: str, user: str | None = None, check: bool = True, seconds: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside to its end, which has to come within `seconds`."""
        done = subprocess.run(
            self.argv(*argv, user=user),
            env=self.variables(user),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        assert not check or done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
        return done

    def start(self, *argv: str, user: str | None = None) -> subprocess.Popen[str]:
        """Start a command inside, in a session of its own; Ctrl-C reaches it also where the tests ignore it."""
        return subprocess.Popen(
            ["env", "--default-signal=INT", *self.argv(*argv, user=user)],
            env=self.variables(user),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    @staticmethod
    def command(*arguments: str) -> tuple[str, ...]:
        """Give torchup's command as it runs inside."""
        return (sys.executable, "-m", "support.plan_child", *arguments)

    def torchup(
        self, *arguments: str, user: str | None = None, seconds: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run torchup inside."""
        return self.run(*self.command(*arguments), user=user, check=False, seconds=seconds)

    def put(self, path: str, content: str | bytes, *, mode: int = 0o644) -> str:
        """Write a file inside."""
        data = content.encode() if isinstance(content, str) else content
        script = f"mkdir -p \"$(dirname '{path}')\" && cat >'{path}' && chmod {mode:o} '{path}'"
        subprocess.run(self.argv("sh", "-c", script), env=self.variables(), input=data, check=True, timeout=60)
        return path

    def read(self, path: str) -> bytes:
        """Read a file inside."""
        return subprocess.run(self.argv("cat", path), env=self.variables(), capture_output=True, check=True).stdout

    def plan(self, *steps: Step, path: str = "/tmp/plan.json") -> str:
        """Write a plan inside."""
        plan = Plan(tool_version="0", facts_digest="", request_digest="", steps=steps)
        return self.put(path, json.dumps(dump(plan)), mode=0o644)

    def files(self, *folders: str) -> str:
        """List the files of folders with owner, mode and content, to compare with a later time."""
        script = (
            'find "$@" -type f | LC_ALL=C sort | while read -r f; do stat -c "%n %a %u:%g" "$f"; sha256sum <"$f"; done'
        )
        return self.run("sh", "-c", script, "sh", *folders).stdout

    def has_python(self) -> None:
        """Skip the test where this interpreter does not work inside."""
        tried = self.run(sys.executable, "-c", "import ssl, ctypes, click, requests", check=False)
        if tried.returncode != 0:
            unavailable(f"this Python does not run in that Debian: {tried.stderr.splitlines()[-1:]}")


@contextmanager
def debian_root(
    release: str,
    folder: Path,
    *,
    network: bool = True,
    upper: Path | None = None,
    packages: str = FITTED,
    base: Path | None = None,
) -> Iterator[DebianRoot]:
    """Make a fresh copy of a release, or of another system, and enter it; everything of it is gone afterwards.

    Only a system that is FITTED out sees this checkout and its interpreter.
    """
    base, fitted = base or base_system(release, packages), packages == FITTED
    place = upper or folder / f"{release}-root"
    for name in ("upper", "work", "root"):
        (place / name).mkdir(parents=True)
    # The interpreter belongs to a system of its own where it is not this machine's: then it is shown inside.
    shown = dict.fromkeys(str(path) for path in (REPOSITORY, sys.prefix, sys.base_prefix) if str(path) != "/usr")
    shown = shown if fitted else {}
    isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *([] if network else ["--net"])]
    # The first process of the namespace is a shell of ours: what it forks is cleaned up with it.
    process = subprocess.Popen(
        [*isolated, "sh", "-c", _ENTER, "sh", str(base), str(place), *shown],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        if process.stdout.readline() != "ready\n":
            unavailable(f"a Debian root cannot be entered here: {process.stderr.read().strip()}")
        child = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0]
        root = DebianRoot(place, int(child), fitted)
        root.put("/etc/apt/apt.conf.d/quick", 'Acquire::Languages "none";\n')
        root.put("/etc/dpkg/dpkg.cfg.d/quick", "force-unsafe-io\n")
        root.put("/etc/hosts", f"127.0.0.1 localhost {os.uname().nodename}\n")  # sudo asks for it
        root.run("chmod", "755", "/root")  # the interpreter may be kept there
        if fitted:
            root.has_python()
        yield root
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        shutil.rmtree(place, ignore_errors=True)
