"""Whether CUDA_HOME, its nvcc and its headers are of one CUDA toolkit."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from torchup.children import NEUTRAL_FOLDER
from torchup.detect.toolkits import parse_header, parse_nvcc, parse_version_json
from torchup.model.outcome import Check
from torchup.words import mark, tr

_HINT = mark(
    "A build takes the compiler from PATH, and headers and libraries from CUDA_HOME. Name a folder in which they agree with --cuda-home, or install that toolkit again."
)


def check_toolkit(cuda_home: str, *, timeout: float = 10.0) -> Check:
    """Read the version of the toolkit in three places and compare them: nvcc, cuda.h and version.json.

    A place that is missing is no mismatch; without an nvcc there is nothing to compare.
    """
    found = {
        "nvcc": _nvcc(f"{cuda_home}/bin/nvcc", timeout),
        "cuda.h": _first(parse_header, f"{cuda_home}/include/cuda.h"),
        "version.json": _first(parse_version_json, f"{cuda_home}/version.json"),
    }
    versions = {name: version for name, version in found.items() if version is not None}
    where = f"{cuda_home}{_leads(cuda_home)}"
    if len(set(versions.values())) > 1:
        said = ", ".join(tr("{file} is of {version}", file=name, version=version) for name, version in versions.items())
        return Check(
            id="shell.toolkit",
            status="warn",
            detail=tr("{where} is no single toolkit: {said}", where=where, said=said),
            hint=tr(_HINT),
        )
    if not os.access(f"{cuda_home}/bin/nvcc", os.X_OK):
        detail = tr("{where} has no nvcc that can be run, so nothing can be compiled with it", where=where)
        return Check(id="shell.toolkit", status="skip", detail=detail)
    if not versions:
        return Check(
            id="shell.toolkit", status="pass", detail=tr("{where} has an nvcc; its version is not known", where=where)
        )
    version = next(iter(versions.values()))
    return Check(
        id="shell.toolkit",
        status="pass",
        detail=tr(
            "{where} is CUDA {version}: {files} say so",
            where=where,
            version=version,
            files=tr(" and ").join(versions),
        ),
    )


def _leads(path: str) -> str:
    real = os.path.realpath(path)
    return "" if real == path else tr(" (today {path})", path=real)


def _first(parse: object, path: str) -> str | None:
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return parse(text) if callable(parse) else None


def _nvcc(path: str, timeout: float) -> str | None:
    if not os.access(path, os.X_OK):
        return None
    try:
        done = subprocess.run(
            [path, "--version"],
            cwd=NEUTRAL_FOLDER,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            start_new_session=True,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_nvcc(done.stdout.decode("utf-8", "replace"))
