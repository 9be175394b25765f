from __future__ import annotations

from pathlib import Path

import pytest

from support.trees import lay_out
from torchup.detect.compilers import parse_compiler, read_compilers
from torchup.detect.host import Host


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("g++ (Debian 12.2.0-14+deb12u1) 12.2.0\nCopyright", ("gcc", "12.2.0")),
        ("g++-13 (Ubuntu 13.3.0-6ubuntu2~24.04) 13.3.0", ("gcc", "13.3.0")),
        ("g++ (GCC) 15.1.1 20250425 (Red Hat 15.1.1-1)", ("gcc", "15.1.1")),
        ("Ubuntu clang version 18.1.3 (1ubuntu1)\nTarget: x86_64", ("clang", "18.1.3")),
        ("Apple clang version 16.0.0 (clang-1600.0.26.6)", ("clang", "16.0.0")),
        ("", (None, None)),
        ("bash: g++: nothing here", (None, None)),
    ],
)
def test_what_version_prints(text: str, found: tuple[str | None, str | None]) -> None:
    assert parse_compiler(text) == found


def test_the_number_in_a_name_is_enough_and_the_plain_name_is_the_default(tmp_path: Path) -> None:
    root = lay_out(
        tmp_path,
        {
            "/usr/bin/g++": {"link": "g++-12"},
            "/usr/bin/g++-12": {"link": "x86_64-linux-gnu-g++-12"},
            "/usr/bin/x86_64-linux-gnu-g++-12": {"run": "#!/bin/sh\n"},
            "/usr/bin/g++-14": {"run": "#!/bin/sh\n"},
            "/usr/bin/clang++-19": {"run": "#!/bin/sh\n"},
            "/usr/bin/g++-15": "not to be run\n",
            "/bin": {"link": "usr/bin"},
        },
    )
    host = Host.at(root, environ={"PATH": "/usr/bin:/bin"}, home=Path("/root"))
    found = [(one.kind, one.path, one.version, one.default) for one in read_compilers(host)]
    assert found[0] == ("gcc", "/usr/bin/g++", "12", True)
    assert set(found[1:]) == {
        ("gcc", "/usr/bin/g++-12", "12", False),
        ("gcc", "/usr/bin/g++-14", "14", False),
        ("clang", "/usr/bin/clang++-19", "19", False),
    }


def test_a_plain_name_without_a_number_is_asked(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    lay_out(tmp_path, {"/bin/g++": {"run": "#!/bin/sh\necho 'g++ (GCC) 15.2.1 20250901'\n"}})
    host = Host.at(Path("/"), environ={"PATH": str(folder)}, home=tmp_path)
    (found,) = read_compilers(host)
    assert (found.kind, found.version, found.default) == ("gcc", "15.2.1", True)


def test_no_compiler_is_no_compiler(tmp_path: Path) -> None:
    assert read_compilers(Host.at(tmp_path, environ={"PATH": "/usr/bin"}, home=Path("/root"))) == ()
