from __future__ import annotations

from dataclasses import replace

import pytest

from support.machines import LINUX
from torchup.model.facts import Compiler
from torchup.model.resolution import Reason
from torchup.resolve.host_compiler import compiler_warnings

GCC_12 = Compiler(kind="gcc", path="/usr/bin/g++", version="12.2.0", default=True)
GCC_16 = Compiler(kind="gcc", path="/usr/bin/g++", version="16.1.0", default=True)
GCC_14 = Compiler(kind="gcc", path="/usr/bin/g++-14", version="14")
CLANG_20 = Compiler(kind="clang", path="/usr/bin/clang++-20", version="20")


def said(version: str | None, *compilers: Compiler) -> list[Reason]:
    return compiler_warnings(version, compilers, LINUX)


@pytest.mark.parametrize("version", ["12.0", "12.6", "13.0", "13.5", None, "14.0", "9.0"])
def test_one_that_fits_or_is_not_known_about_is_no_warning(version: str | None) -> None:
    assert said(version, GCC_12) == []


def test_one_that_is_too_new_is_named_with_the_limits_and_one_that_fits() -> None:
    (warning,) = said("13.0", GCC_16, GCC_14, CLANG_20)
    assert warning.code == "host-compiler-refused"
    assert "gcc 6 to 15" in warning.text
    assert "16.1.0" in warning.text
    assert "NVCC_CCBIN=/usr/bin/g++-14" in warning.text
    assert "-ccbin /usr/bin/g++-14" in warning.text


def test_where_none_fits_the_newest_that_would_is_to_be_installed() -> None:
    (warning,) = said("13.0", GCC_16)
    assert "apt-get install g++-15" in warning.text
    assert "NVCC_CCBIN=/usr/bin/g++-15" in warning.text
    assert said("13.4", GCC_16) == []


def test_no_compiler_and_none_of_the_usual_name() -> None:
    (missing,) = said("13.0")
    assert missing.code == "host-compiler-missing"
    assert "apt-get install g++" in missing.text
    (other,) = said("13.0", GCC_14)
    assert "NVCC_CCBIN=/usr/bin/g++-14" in other.text


def test_nothing_is_said_where_nobody_looked_or_on_another_system() -> None:
    assert compiler_warnings("13.0", None, LINUX) == []
    assert compiler_warnings("13.0", (), replace(LINUX, system="windows")) == []
