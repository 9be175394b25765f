"""What compilers are given for a while: variables, and a folder of their own in place of their caches."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from typing import Iterator, Mapping


@contextlib.contextmanager
def fresh_caches() -> Iterator[str]:
    """Let the compilers start from empty caches: an old entry must not stand in for a compiler that is broken."""
    with scratch_folder() as folder:
        extensions = os.path.join(folder, "extensions")  # noqa: PTH118 - a string is wanted
        os.makedirs(extensions)  # noqa: PTH103
        wanted = {
            "TORCHINDUCTOR_CACHE_DIR": os.path.join(folder, "inductor"),  # noqa: PTH118
            "TRITON_CACHE_DIR": os.path.join(folder, "triton"),  # noqa: PTH118
            "TORCH_EXTENSIONS_DIR": extensions,
            # A pool of compilers pays off for many kernels, and here it would outlive the folder.
            "TORCHINDUCTOR_COMPILE_THREADS": "1",
        }
        with variables(wanted):
            yield folder


@contextlib.contextmanager
def scratch_folder() -> Iterator[str]:
    """Give a folder for a while. What cannot be deleted stays: a library that is loaded from it, on Windows and NFS."""
    # TemporaryDirectory would raise; it can ignore that from Python 3.10 on.
    folder = tempfile.mkdtemp(prefix="tensor-probe-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def variables(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for a while."""
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
