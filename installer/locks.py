"""torchup's own dependencies, locked with hashes for every Python and platform: make the locks, and audit them.

    python installer/locks.py lock        make them agree with pyproject.toml; nothing else moves
    python installer/locks.py refresh     take the newest versions that pyproject.toml allows
    python installer/locks.py moved       print what moved since the last commit
    python installer/locks.py audit TOOLS write dist/torchup.cdx.json (CycloneDX) and ask for known vulnerabilities

Ends with 1 where vulnerabilities are known, and with 3 where a service could not be reached: the package index (the
locks stay as they were) or the one that knows vulnerabilities (the bill of materials is written all the same).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from package_sources import UnreadableError, pip_of, read_sources

CHECKOUT = Path(__file__).parent.parent
LOCKS = Path(__file__).parent / "locks"
NAMES = ("run", "build", "dev", "audit")
OLDEST = "3.11"
HEAD = "# Made by `make lock` or `make refresh` for every supported Python and platform; not edited by hand.\n"
PIN = re.compile(r"^([a-z0-9.-]+)==(\S+)", re.MULTILINE)
BILL = Path("dist/torchup.cdx.json")
OUT_OF_REACH = 3


def requirements() -> dict[str, list[str]]:
    """Read what each lock has to satisfy."""
    read = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    project, build = read["project"], read["build-system"]["requires"]
    extras = project["optional-dependencies"]
    run = project["dependencies"]
    return {"run": run, "build": build, "dev": [*run, *build, *extras["dev"]], "audit": extras["audit"]}


def lock(*, upgrade: bool) -> int:
    """Write all locks, or none where one of them cannot be made."""
    from uv import find_uv_bin

    try:
        sources = read_sources(pip_of(sys.executable), os.environ)
    except UnreadableError as error:
        print(f"pip cannot read its own configuration:\n  {error}", file=sys.stderr)
        return 2
    # What one machine has beside its index is not for everybody.
    environ = sources.for_uv(leave_out=("extra-index-url", "find-links"))
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            made = Path(folder) / f"{name}.txt"
            if (LOCKS / made.name).exists():
                made.write_bytes((LOCKS / made.name).read_bytes())
            # One version of a package for whoever needs it.
            above = {"build": ["run"], "dev": ["run", "build"]}.get(name, [])
            constraints = [part for other in above for part in ("--constraint", f"{folder}/{other}.txt")]
            done = subprocess.run(
                [
                    *(find_uv_bin(), "pip", "compile", "-", "--universal", "--python-version", OLDEST, "--quiet"),
                    *("--generate-hashes", "--no-annotate", "--no-header", "--output-file", str(made), *constraints),
                    *(["--upgrade"] if upgrade else []),
                ],
                input="\n".join(requirements()[name]),
                env=environ,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                print(f"The lock {name}.txt could not be made; all stay as they were.\n{done.stderr}", file=sys.stderr)
                return 1 if "No solution" in done.stderr else OUT_OF_REACH
        LOCKS.mkdir(exist_ok=True)
        for name in NAMES:
            text = (Path(folder) / f"{name}.txt").read_text(encoding="utf-8")
            (LOCKS / f"{name}.txt").write_text(HEAD + text.removeprefix(HEAD), encoding="utf-8")
    moved()
    return 0


def moved() -> None:
    """Print the packages that came, went or moved since the last commit, and the locks that hold them."""
    changes: dict[str, list[str]] = {}
    for name in NAMES:
        path = LOCKS / f"{name}.txt"
        shown = ["git", "show", f"HEAD:{path.relative_to(CHECKOUT).as_posix()}"]
        committed = subprocess.run(shown, cwd=CHECKOUT, capture_output=True, text=True, check=False).stdout
        before, after = dict(PIN.findall(committed)), dict(PIN.findall(path.read_text(encoding="utf-8")))
        for package in before.keys() | after.keys():
            old, new = before.get(package, "(new)"), after.get(package, "(gone)")
            if old != new:
                changes.setdefault(f"{package} {old} -> {new}", []).append(name)
    for change, names in sorted(changes.items()):
        print(f"{change}   ({', '.join(names)})")
    print(f"{len(changes)} packages moved." if changes else "The locks are as they were committed.")


def audit(tools: Path) -> int:
    """Write the bill of materials of what `make setup` installs, then ask for known vulnerabilities of it."""
    run = str(LOCKS / "run.txt")
    bill = CHECKOUT / BILL
    bill.parent.mkdir(exist_ok=True)
    project = ["--pyproject", str(CHECKOUT / "pyproject.toml"), "--mc-type", "application"]
    made = [
        str(tools / "cyclonedx-py"),
        "requirements",
        *project,
        "--output-reproducible",
        "--of",
        "JSON",
        "-o",
        str(bill),
        run,
    ]
    # A list of pins has no graph, about which it would warn.
    subprocess.run(made, check=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    print(f"{BILL}: {len(json.loads(bill.read_text(encoding='utf-8'))['components'])} packages (CycloneDX).")
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        asked = [str(tools / "pip-audit"), "--disable-pip", "--require-hashes", "-r", run, "--progress-spinner", "off"]
        done = subprocess.run(
            [*asked, "--format", "json", "--output", str(found)], capture_output=True, text=True, check=False
        )
        if not found.exists():
            said = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
            print(
                f"The service that knows vulnerabilities is out of reach; nothing is known either way.\n  {said[:300]}",
                file=sys.stderr,
            )
            return OUT_OF_REACH
        packages = json.loads(found.read_text(encoding="utf-8"))["dependencies"]
    known = [(package, fault) for package in packages for fault in package.get("vulns", ())]
    for package, fault in known:
        mended = ", ".join(fault["fix_versions"]) or "none"
        print(f"{package['name']} {package['version']}: {fault['id']}; mended in: {mended}")
    print(f"{len(packages)} packages asked for, {len(known)} known vulnerabilities.")
    return 1 if known else 0


def main() -> int:
    """Do what the first argument names."""
    match sys.argv[1:]:
        case ["lock"]:
            return lock(upgrade=False)
        case ["refresh"]:
            return lock(upgrade=True)
        case ["moved"]:
            moved()
            return 0
        case ["audit", tools]:
            return audit(Path(tools))
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
