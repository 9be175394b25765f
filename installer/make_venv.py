"""Make the checkout's own virtual environment: torchup, editable, with exactly what is locked.

    python installer/make_venv.py FOLDER run|dev|audit

It runs where nothing is installed but Python. uv does the work where it is found; else pip brings the locked uv
first. Where uv cannot reach what pip can, pip does it: the same files, by the same hashes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from package_sources import Sources, UnreadableError, pip_of, read_sources

CHECKOUT = Path(__file__).absolute().parent.parent
LOCKS = Path(__file__).parent / "locks"
KINDS = {"run": ("run", "build"), "dev": ("dev",), "audit": ("audit",)}
"""The locks of an environment. The tools for the audit look at files only and have no torchup beside them."""

PUBLIC = "Is the network there? Behind a proxy: HTTPS_PROXY=http://host:port make ..."
CAUSES = (
    (
        r"do not match the hashes|hash mismatch",
        "A file is not the one that is locked.",
        "The source serves other files under the same names. Nothing of it was installed; name another source.",
    ),
    (
        r"certificate|CERT_|UnknownIssuer",
        "The certificate of the package index is not trusted here.",
        "If your company signs its own: SSL_CERT_FILE=/path/to/its.pem PIP_CERT=/path/to/its.pem make ...",
    ),
    (
        r"proxy|tunnel",
        "The proxy did not let us through to the package index.",
        "Name it with its login: HTTPS_PROXY=http://user:password@host:port make ...",
    ),
    (
        r"\b(401|403|407)\b|Unauthorized|Forbidden",
        "The package index wants a login, or forbids the download.",
        "Put the login into ~/.netrc, or into PIP_INDEX_URL.",
    ),
    (
        r"name resolution|Name or service|resolve host|dns error|lookup address|NameResolution|getaddrinfo|nodename",
        "The name of the package index could not be looked up: no network, or no name server.",
        PUBLIC,
    ),
    (
        r"No space left|Disk quota",
        "There is no space left where the packages go.",
        "Make room in this folder, in ~/.cache and in the temporary folder.",
    ),
    (r"Permission denied|Read-only file", "A folder cannot be written to.", "Look at its owner and mode."),
    (
        r"timed? ?out|connection|connect error|unreachable|request for url|Network|retries exceeded|errno 111",
        "The package index cannot be reached.",
        PUBLIC,
    ),
    (
        r"from versions: none",
        "The package index gave none of its files: it lacks them, wants a login, or does not answer.",
        "Try its address, which is in PIP_INDEX_URL or pip.conf where it is not the public one.",
    ),
    (
        r"no matching distribution|no version|not found in|No solution",
        "The source lacks a version that is locked.",
        "Name a source that has all of them: PIP_INDEX_URL=https://... make ...",
    ),
)
"""What the tools say, what it means, and what to do; the first that fits."""
PROGRESS = re.compile(
    r"\$ |\s*(Looking|Collecting|Obtaining|Using|Downloading|Downloaded|Resolved|Prepared|Installing) "
)
ADDRESS = re.compile(r"\w+://\S+")
NOISE = re.compile(
    r"WARNING: Retrying .* connection broken by |<?[\w.]+ object at 0x[0-9a-f]+>?: |\(host=\S+ port=\d+\)"
)


class PreparationError(Exception):
    """The environment could not be made; the message is complete."""


class Preparation:
    """One environment on its way."""

    def __init__(self, folder: Path, kind: str, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.python = str(folder / "bin" / "python")
        self.kind = kind
        self.environ = {name: value for name, value in environ.items() if name != "VIRTUAL_ENV"}
        self.said: list[str] = []

    def run(self, argv: Sequence[str], environ: Mapping[str, str] | None = None) -> bool:
        """Run a tool and keep what it says for the case that all fails."""
        try:
            done = subprocess.run(
                argv,
                # In this locale Python takes paths as UTF-8, as uv and pip write them, and errors are in English.
                env={**(self.environ if environ is None else environ), "LC_ALL": "C"},
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                check=False,
            )
        except OSError as error:
            self.said.append(f"{argv[0]}: {error.strerror}")
            return False
        shown = [Path(argv[0]).name, *argv[1:]]
        self.said.append(f"$ {' '.join(shown)}\n{done.stdout}")
        return done.returncode == 0

    def make_folder(self) -> None:
        """Make the empty environment, unless there is one with a Python that is new enough.

        Raises PreparationError.
        """
        new_enough = "import sys; sys.exit(sys.version_info < (3, 11))"
        if Path(self.python).exists() and self.run([self.python, "-c", new_enough]):
            return
        # Debian and Ubuntu keep ensurepip in a package of its own; other tools on the machine may help.
        base = sys.executable
        ways = (
            [[base, "-m", "venv", str(self.folder)]],
            [["uv", "venv", "--quiet", "--no-project", "--python", base, str(self.folder)]],
            [[base, "-m", "virtualenv", "--quiet", str(self.folder)]],
            [
                [base, "-m", "venv", "--without-pip", str(self.folder)],
                [base, "-m", "pip", "--python", self.python, "install", "--quiet", "pip"],
            ],
        )
        for way in ways:
            shutil.rmtree(self.folder, ignore_errors=True)
            if all(self.run(command) for command in way):
                return
        shutil.rmtree(self.folder, ignore_errors=True)
        said = "\n".join(self.said)
        if "ensurepip" in said or "No module named" in said:
            raise PreparationError(
                f"{base} cannot make a virtual environment: its venv module is not complete.\n"
                "On Debian and Ubuntu: sudo apt install python3-venv    Then run make again."
            )
        raise PreparationError(f"The environment {self.folder} could not be made.\n{explained(said)}")

    def install(self) -> None:
        """Install what is locked, then torchup itself.

        Raises PreparationError.
        """
        own_pip = pip_of(self.python)
        try:
            sources = read_sources(own_pip or pip_of(sys.executable), self.environ)
        except UnreadableError as error:
            raise PreparationError(f"pip cannot read its own configuration:\n  {error}") from None
        self.said.clear()
        uv = self._uv(sources, own_pip=bool(own_pip))
        if not (uv is not None and self._by_uv(uv, sources)) and not (own_pip and self._by_pip(sources)):
            raise self._failed()
        self._point_from_here()

    def _point_from_here(self) -> None:
        """Let the editable install name the checkout as seen from the environment, in plain letters.

        Python up to 3.12 reads such a file in the locale's encoding, and under LC_ALL=C it does not start where the
        checkout lies below a folder with other letters; no setting of Python changes that.
        """
        for pointer in self.folder.glob("lib*/python*/site-packages/*.pth"):
            named = Path(os.fsdecode(pointer.read_bytes().strip()))
            if named.is_absolute() and named.is_relative_to(CHECKOUT):
                pointer.write_bytes(os.fsencode(os.path.relpath(named, pointer.parent)) + b"\n")

    def _locks(self) -> list[str]:
        return [part for name in KINDS[self.kind] for part in ("-r", str(LOCKS / f"{name}.txt"))]

    def _uv(self, sources: Sources, *, own_pip: bool) -> str | None:
        """Find a uv that runs, or let pip bring the locked one; where it cannot, it could bring nothing else either."""
        own = str(self.folder / "bin" / "uv")
        for candidate in ("uv", own):
            if shutil.which(candidate) and self.run([candidate, "--version"]):
                return candidate
        lock = (LOCKS / f"{self.kind}.txt").read_text(encoding="utf-8")
        found = re.search(r"^uv==(?:.*\\\n)*.*\n", lock, re.MULTILINE)
        if found is None or not own_pip:
            return None
        only = self.folder / "uv.txt"
        only.write_text(found[0], encoding="utf-8")
        environ = {"PIP_RETRIES": "3", **sources.for_pip()}
        brought = self.run([*self._pip(), "--no-deps", "-r", str(only)], environ)
        only.unlink()
        if not brought:
            raise self._failed()
        return own

    def _pip(self) -> list[str]:
        return [self.python, "-I", "-m", "pip", "install", "--require-hashes"]

    def _by_uv(self, uv: str, sources: Sources) -> bool:
        install = [uv, "pip", "install", "--python", self.python]
        environ = sources.for_uv()
        return self.run([*install, "--require-hashes", *sources.uv_options(), *self._locks()], environ) and (
            self.kind == "audit" or self.run([*install, *self._ourselves(), "--offline"], environ)
        )

    def _by_pip(self, sources: Sources) -> bool:
        """Let pip do it, where uv could not; a policy that only uv knows is not gone round."""
        if "UV_EXCLUDE_NEWER" in self.environ or "exclude-newer" in "".join(self.said):
            return False
        environ = {"PIP_RETRIES": "1", **sources.for_pip()}
        install = [self.python, "-I", "-m", "pip", "install"]
        return self.run([*self._pip(), *self._locks()], environ) and (
            self.kind == "audit" or self.run([*install, *self._ourselves(), "--no-index"], environ)
        )

    @staticmethod
    def _ourselves() -> list[str]:
        return ["--no-deps", "--no-build-isolation", "--editable", str(CHECKOUT)]

    def _failed(self) -> PreparationError:
        """Keep what the tools said beside the environment, without logins, and say the cause."""
        said = re.sub(r"//[^/@\s]+@", "//***@", "\n".join(self.said))
        log = self.folder / "prepare.log"
        log.touch(mode=0o600)
        log.write_text(said, encoding="utf-8")
        return PreparationError(f"What torchup needs could not be installed.\n{explained(said, log)}")


def explained(said: str, log: Path | None = None) -> str:
    """Say in a few lines what happened, by what the tools said."""
    words = [NOISE.sub("", line).strip(" ×│╰─▶├") for line in said.splitlines() if not PROGRESS.match(line)]
    reason = "The tools gave a reason that is not known here.", "It may help to read all of it."
    evidence = next((line for line in words if re.match("error|cause", line, re.IGNORECASE)), "nothing")
    for form, *known in CAUSES:
        if found := [line for line in words if re.search(form, ADDRESS.sub("", line), re.IGNORECASE)]:
            reason, evidence = (known[0], known[1]), found[-1]
            break
    told = [reason[0], f"  They said: {evidence[:300]}", f"  {reason[1]}"]
    return "\n".join([*told, f"  All that was said: {log}"] if log else told)


def main() -> int:
    """Make the environment; 6 and a few lines on stderr where it cannot be."""
    folder, kind = Path(sys.argv[1]).absolute(), sys.argv[2]
    preparation = Preparation(folder, kind, os.environ)
    try:
        preparation.make_folder()
        preparation.install()
    except PreparationError as error:
        print(error, file=sys.stderr)
        return 6
    return 0


if __name__ == "__main__":
    sys.exit(main())
