"""What the detection tests share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.fake_nvml.builder import build_stub
from torchup.detect.host import Host, Limits

ChildRun = Callable[..., Any]

_CHILD = """
import json, sys
from pathlib import Path
from torchup.detect.collect import collect
from torchup.detect.host import Host, Limits
from torchup.model.serial import dump
root, home, limit = sys.argv[1:]
host = Host(sysroot=Path(root), environ={"PATH": "/usr/bin"}, home=home, live=True, limits=Limits(nvml=float(limit)))
facts = collect(host, cwd="/")
print(json.dumps(dump(facts)))
"""


@pytest.fixture(scope="session")
def nvml_stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the compiled stand-in for libnvidia-ml.so.1."""
    return build_stub(tmp_path_factory.mktemp("nvml"))


@pytest.fixture
def detect_in_child() -> ChildRun:
    """Run the detection over a tree in a fresh process, so that the loader sees LD_LIBRARY_PATH."""

    def run(root: Path, environ: Mapping[str, str], *, limit: float = 20.0) -> Any:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        ran = subprocess.run(
            [sys.executable, "-c", _CHILD, str(root), "/home/user", str(limit)],
            env={**inherited, **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    return run


@pytest.fixture
def host_at(tmp_path: Path) -> Callable[..., Host]:
    """Make a host over a tree below the test's folder."""

    def make(root: Path | None = None, *, environ: Mapping[str, str] | None = None, live: bool = False) -> Host:
        return Host(
            sysroot=root or tmp_path,
            environ=environ or {},
            home="/home/user",
            live=live,
            limits=Limits(command=2.0, interpreter=2.0, nvml=2.0, nvidia_smi=1.0),
        )

    return make
