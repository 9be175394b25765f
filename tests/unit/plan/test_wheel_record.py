"""What RECORD says against what is on disk, with the shared libraries of this very interpreter."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

from torchup.plan.wheel_record import HEADER_BYTES, damaged_files


def damaged(folder: Path, record: str) -> list[str]:
    def size_of(path: str) -> int | None:
        return (folder / path).stat().st_size if (folder / path).exists() else None

    return [*damaged_files(record, size_of, lambda path: (folder / path).read_bytes()[:HEADER_BYTES])]


@pytest.fixture
def library() -> bytes:
    folder = Path(sysconfig.get_path("stdlib")) / "lib-dynload"
    found = next(iter(sorted(folder.glob("*.so"))), None)
    if sys.platform != "linux" or found is None:
        pytest.skip("this interpreter has no ELF libraries of its own")
    return found.read_bytes()


def test_a_whole_library_is_right_whatever_its_size(tmp_path: Path, library: bytes) -> None:
    for name, content in (("same.so", library), ("patched.so", library + b"more"), ("versioned.so.3", library)):
        (tmp_path / name).write_bytes(content)
        assert damaged(tmp_path, f"{name},sha256=x,{len(library) + 1000}\n{name},sha256=x,{len(library)}\n") == []


@pytest.mark.parametrize("kept", [0, 1, HEADER_BYTES, 5000])
def test_a_library_that_was_cut_short_is_damaged(tmp_path: Path, library: bytes, kept: int) -> None:
    (tmp_path / "cut.so").write_bytes(library[:kept])
    assert damaged(tmp_path, f"cut.so,sha256=x,{len(library)}") == ["cut.so"]


def test_a_library_of_zeros_is_damaged(tmp_path: Path) -> None:
    # What a file system leaves when the power fails before the content is written.
    (tmp_path / "zeros.so").write_bytes(bytes(4096))
    assert damaged(tmp_path, "zeros.so,sha256=x,8192") == ["zeros.so"]


def test_a_library_of_another_system_is_damaged_only_when_it_is_smaller(tmp_path: Path) -> None:
    (tmp_path / "signed.dylib").write_bytes(b"\xcf\xfa\xed\xfe" * 100)
    (tmp_path / "cut.dll").write_bytes(b"MZ" * 100)
    assert damaged(tmp_path, "signed.dylib,sha256=x,300\ncut.dll,sha256=x,300") == ["cut.dll"]


def test_modules_and_libraries_that_are_gone_are_damaged_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "edited.py").write_text("# more than there was")
    record = """\
torch/__init__.py,sha256=x,10
torch/lib/libtorch_cpu.so,sha256=x,10
"torch/a,b.py",sha256=x,10
edited.py,sha256=x,3
nvidia/__init__.py,sha256=x,0
torch/__pycache__/x.cpython-311.pyc,,
torch/test/test_all.py,sha256=x,10
numpy/tests/helper.so,sha256=x,10
torch/include/a.h,sha256=x,10
torch/lib/libbreakpad.a,sha256=x,10
../../../bin/torchrun.py,sha256=x,10
/opt/elsewhere.so,sha256=x,10

"""
    assert damaged(tmp_path, record) == ["torch/__init__.py", "torch/lib/libtorch_cpu.so", "torch/a,b.py"]
