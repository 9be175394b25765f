"""The command line without its start: a process that has loaded the program forks for each run.

Most of a short run is the interpreter's start and imports. A fork is the same code with the arguments, environment,
folder and streams of a process of its own. Where the start itself depends on the environment (`AT_START`), where
something is to be read from standard input, and everywhere in `make test-real` and `make test-nightly`, a run gets
a process of its own.

    python loaded.py DESCRIPTOR [dated]     # the process that forks; `Loaded` starts it
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path

AT_START = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "GLIBC_", "MALLOC_")
"""How the variables begin that the interpreter or its libraries read once, when they start."""
LATE = ("cachecontrol", "jinja2", "packaging.requirements", "pydantic", "pynvml", "questionary", "requests", "rich.console",
        "rich.live", "rich.markup", "rich.panel", "rich.progress", "rich.table", "rich.text", "uv", "yaml")  # fmt: skip
"""What the program imports inside its functions."""
LONGEST = 1 << 20
_LOADED: list[Loaded] = []


class Loaded:
    """This side of the process that has loaded the program."""

    def __init__(self, *, dated: bool) -> None:
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith(AT_START)}
        self._environ["LANG"] = "C.UTF-8"
        self.computed = 0.0  # processor time of all runs: no clock of this process has it
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._requests.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), *(["dated"] if dated else [])],
                env=self._environ,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        _LOADED.append(self)
        atexit.register(self._end)

    def _end(self) -> None:
        self._requests.close()
        self._child.wait(30)

    def starts_alike(self, environ: Mapping[str, str]) -> bool:
        """Whether a process with this environment would start as the loaded one did."""
        return _at_start(environ) == _at_start(self._environ)

    def run(
        self, argv: Sequence[str], *, folder: Path, environ: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """Fork a run and wait for its end; raises subprocess.TimeoutExpired."""
        umask = os.umask(0o077)
        os.umask(umask)
        request = {"argv": list(argv), "folder": str(folder), "environ": dict(environ), "umask": umask}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            with theirs:
                files = [theirs.fileno(), out.fileno(), err.fileno()]
                socket.send_fds(self._requests, [json.dumps(request).encode()], files)
            pid = int(ours.recv(32))
            ours.settimeout(timeout)
            try:
                status, computed = ours.recv(64).split()
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(argv), timeout) from None
            self.computed += float(computed)
            for file in (out, err):
                file.seek(0)
            said = out.read(), err.read()
        return subprocess.CompletedProcess(list(argv), int(status), *said)


@functools.cache
def loaded(*, dated: bool) -> Loaded:
    """Give the loaded program of this run of the tests, with the tables of the day or with those that are shipped."""
    return Loaded(dated=dated)


def computed() -> float:
    """Give the processor time that all forked runs have taken so far."""
    return sum(one.computed for one in _LOADED)


def run(
    program: Path,
    arguments: Sequence[str],
    *,
    folder: Path,
    environ: Mapping[str, str],
    dated: bool,
    timeout: float = 120,
) -> subprocess.CompletedProcess[bytes]:
    """Run the command line to its end, with nothing to read and no terminal."""
    from support.tools import REAL

    argv = [str(program), *arguments]
    if not REAL and loaded(dated=dated).starts_alike(environ):
        return loaded(dated=dated).run(argv, folder=folder, environ=environ, timeout=timeout)
    return subprocess.run(
        argv, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
    )


def _at_start(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(AT_START)}


def serve(descriptor: int) -> None:
    """Fork for each request; what forks waits for the run and reports how it ended."""
    with socket.socket(fileno=descriptor) as requests:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody here waits
        while True:
            message, files, _, _ = socket.recv_fds(requests, LONGEST, 3)
            if not message:
                return
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                program = os.fork()
                if program == 0:
                    become(json.loads(message), files)
                # Whoever asked may have gone.
                with contextlib.suppress(OSError), socket.socket(fileno=files[0]) as report:
                    report.send(b"%d" % program)
                    _, status, used = os.wait4(program, 0)
                    report.send(b"%d %f" % (os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime))
                os._exit(0)
            for file in files:
                os.close(file)


def become(request: Mapping[str, object], files: Sequence[int]) -> None:
    """Be the program, from its start to its exit status."""
    status = 1
    try:
        os.chdir(str(request["folder"]))
        os.umask(int(str(request["umask"])))
        for number, file in enumerate(files[1:], 1):
            os.dup2(file, number)
        os.closerange(3, max(files) + 1)
        os.environ.clear()
        os.environ.update(request["environ"])  # type: ignore[call-overload]  # what `Loaded.run` gave
        sys.argv = list(request["argv"])  # type: ignore[call-overload]
        from torchup.cli import main

        main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  the interpreter would print it too
        traceback.print_exc()
    finally:
        # Taking a program apart that has everything loaded takes longer than a short run.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(status)


def load() -> None:
    """Import the program, and what it imports when it needs it."""
    import torchup

    modules = [found.name for found in pkgutil.walk_packages(torchup.__path__, "torchup.", onerror=lambda _name: None)]
    for name in (*modules, *LATE):
        if not name.startswith("torchup.verify.probe.") and not name.endswith("__main__"):
            with contextlib.suppress(ImportError):  # another system's
                importlib.import_module(name)
    gc.freeze()


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])
    load()
    if "dated" in sys.argv:
        from support.dated_tables import use_dated

        use_dated()
    serve(int(sys.argv[1]))
