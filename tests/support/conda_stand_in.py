"""A stand-in for conda's program: the part of its command line that torchup uses, over py-rattler.

    conda --version
    conda create --yes [--quiet] [--offline] [--override-channels] [--channel C]... --prefix P SPEC...
    conda env create --file F --prefix P
    conda index FOLDER
    conda search --json [--offline] [--override-channels] [--channel C]... NAME

Like conda it asks unless it is told not to (and then fails, because nobody answers), reads `channel_alias`
and `channels` from ~/.condarc, refuses a prefix that is no environment, notes new prefixes in
~/.conda/environments.txt unless `register_envs` is off, and keeps a history. What it says when something
fails is worded as conda words it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, Literal, NoReturn

VERSION = "25.9.1"


def main(arguments: list[str]) -> int:
    """Run one command; the first argument is the program's own path."""
    program, *words = arguments
    if words == ["--version"]:
        print(f"{Path(program).name} {VERSION}")
        return 0
    parser = argparse.ArgumentParser(prog=Path(program).name)
    parser.add_argument("--yes", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("--offline", action="store_true")
    parser.add_argument("--override-channels", action="store_true")
    parser.add_argument("--channel", action="append", default=[])
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--file")
    parser.add_argument("specs", nargs="*")
    if words[:1] == ["create"]:
        options = parser.parse_args(words[1:])
        if not options.yes:
            return fail("CondaSystemExit: Exiting: Proceed ([y]/n)? was not answered")
        channels = options.channel if options.override_channels else [*options.channel, *configured("channels")]
        return create(Path(options.prefix), options.specs, channels, offline=options.offline)
    if words[:1] == ["index"]:
        from rattler.index import index_fs

        asyncio.run(index_fs(Path(words[1]), write_zst=False, write_shards=False, force=True))
        return 0
    if words[:1] == ["search"]:
        return search(words[1:])
    if words[:2] == ["env", "create"]:
        import yaml

        options = parser.parse_args(words[2:])
        described: dict[str, Any] = yaml.safe_load(Path(options.file).read_text(encoding="utf-8"))
        specs = [spec for spec in described["dependencies"] if isinstance(spec, str)]
        channels = [channel for channel in described.get("channels", []) if channel != "nodefaults"]
        return create(Path(options.prefix), specs, channels, offline=options.offline)
    return fail(f"ArgumentError: this stand-in does not know {' '.join(words[:2])}")


def create(prefix: Path, specs: list[str], channels: list[str], *, offline: bool) -> int:
    """Solve, link, and keep conda's records."""
    if prefix.exists() and any(prefix.iterdir()) and not (prefix / "conda-meta").is_dir():
        return fail(f"DirectoryNotACondaEnvironmentError: The target directory exists, but is not one.\n  {prefix}")
    urls = [located(channel) for channel in channels or ["defaults"]]
    for channel, url in zip(channels, urls, strict=False):
        if not url.startswith("file://"):
            if offline:
                return fail(f"OfflineError: EnforceUnusedAdapter called with url {url}")
            return fail(f"CondaHTTPError: HTTP 000 CONNECTION FAILED for url <{url}/noarch/repodata.json>")
        if not Path(url.removeprefix("file://")).is_dir():
            return fail(f"UnavailableInvalidChannel: HTTP 404 NOT FOUND for channel {channel} <{url}>")
    try:
        asyncio.run(install(prefix, specs, urls))
    except Exception as error:
        if type(error).__name__ != "SolverError":
            raise
        return fail(f"LibMambaUnsatisfiableError: Encountered problems while solving:\n{error}")
    with (prefix / "conda-meta" / "history").open("a", encoding="utf-8") as history:
        history.write(f"==> now <==\n# cmd: {' '.join(sys.argv[1:])}\n" + "".join(f"+{spec}\n" for spec in specs))
    if os.environ.get("CONDA_REGISTER_ENVS", "true") != "false":
        known = Path.home() / ".conda" / "environments.txt"
        known.parent.mkdir(exist_ok=True)
        with known.open("a", encoding="utf-8") as list_of_environments:
            list_of_environments.write(f"{prefix}\n")
    return 0


def search(words: list[str]) -> int:
    """List the builds of a package in channels that are folders, as `conda search --json` does."""
    parser = argparse.ArgumentParser()
    for flag in ("--json", "--offline", "--override-channels"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--channel", action="append", default=[])
    parser.add_argument("name")
    options = parser.parse_args(words)
    found = []
    for channel in options.channel:
        url = located(channel)
        if not Path(url.removeprefix("file://")).is_dir():
            print(json.dumps({"error": f"CondaHTTPError: {url}", "exception_name": "CondaHTTPError"}))
            return 1
        for index in Path(url.removeprefix("file://")).glob("*/repodata.json"):
            described = json.loads(index.read_text(encoding="utf-8"))
            records = [*described.get("packages", {}).values(), *described.get("packages.conda", {}).values()]
            found += [record for record in records if record["name"] == options.name]
    if not found:
        print(json.dumps({"error": f"not there: {options.name}", "exception_name": "PackagesNotFoundError"}))
        return 1
    print(json.dumps({options.name: found}))
    return 0


async def install(prefix: Path, specs: list[str], urls: list[str]) -> None:
    import rattler

    subdir: Literal["linux-64", "linux-aarch64"] = "linux-64" if os.uname().machine == "x86_64" else "linux-aarch64"

    cache = Path(os.environ.get("CONDA_PKGS_DIRS") or Path.home() / ".conda-stand-in" / "pkgs")
    gateway = rattler.Gateway(cache_dir=cache / "repodata")
    # Lenient, because `name=version=build` is how conda's command line writes it, and rattler has a form of its own.
    wanted = [rattler.MatchSpec(spec, strict=False) for spec in specs]
    records = await rattler.solve(
        sources=urls, specs=wanted, gateway=gateway, platforms=[subdir, "noarch"], virtual_packages=[]
    )
    await rattler.install(records, prefix, cache_dir=cache, show_progress=False, execute_link_scripts=False)


def located(channel: str) -> str:
    if "://" in channel:
        return channel.rstrip("/")
    alias = configured("channel_alias") or ["https://conda.anaconda.invalid"]
    return f"{alias[0].rstrip('/')}/{channel}"


def configured(key: str) -> list[str]:
    import yaml

    file = Path.home() / ".condarc"
    value = (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get(key, []) if file.exists() else []
    return [value] if isinstance(value, str) else list(value)


def fail(text: str) -> int:
    print(f"\n{text}", file=sys.stderr)
    return 1


def leave(status: int) -> NoReturn:
    """End without tearing the interpreter down: py-rattler's threads may still call into it, and then crash."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
