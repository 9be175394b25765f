"""Every form of a requirement (PEP 508): held against what is installed, and named on the command line."""

from __future__ import annotations

import pytest

from torchup.answers.schema import check_value
from torchup.answers.values import parse_value
from torchup.model.facts import OperatingSystem
from torchup.model.markers import marker_environment
from torchup.model.request import EnvironmentWish
from torchup.plan.extras import left_out_extras, wanted_extras
from torchup.plan.pins import extras_hold, pinned_version, satisfied

LINUX = OperatingSystem(system="linux", arch="x86_64", kernel="6.8.0")


@pytest.mark.parametrize(
    ("requirement", "version", "holds"),
    [
        ("numpy", "2.1", True),
        ("numpy==2.*", "2.1.3", True),
        ("numpy==2.*", "3.0", False),
        ("numpy==2.1", "2.1+local", True),
        ("numpy===2.1", "2.1", True),
        ("numpy===2.1", "2.1+local", False),
        ("numpy===whatever", "2.1", False),
        ("numpy~=2.1", "2.9", True),
        ("numpy~=2.1.0", "2.2", False),
        ("numpy!=2.1", "2.1", False),
        ("numpy!=2.1.*", "2.2", True),
        ("numpy>=2, <3", "2.5", True),
        ("numpy ( >=2,<3 )", "3.0", False),
        ("numpy>=1!1.0", "1!1.2", True),
        ("numpy>=1!1.0", "9.0", False),
        ("numpy>=2.0rc1", "2.0rc2", True),
        ("numpy>1", "2.0.dev3", True),
        ("NumPy [a, b] >= 2", "2.1", True),
        ('numpy>=2; python_version < "3"', "2.1", True),
        ("numpy @ https://h/w/numpy-2.1-py3-none-any.whl#sha256=00", "2.1", True),
        ("numpy @ https://h/w/numpy-2.1-py3-none-any.whl", "2.0", False),
        ("numpy @ file:///w/numpy-2.1%2Bcu1-py3-none-any.whl", "2.1+cu1", True),
        ("numpy @ git+https://h/numpy@v2", "7", True),
        ("numpy", "not a version", False),
        ("numpy>=1", "not a version", False),
    ],
)
def test_what_is_installed_meets_it_or_not(requirement: str, version: str, holds: bool) -> None:
    assert satisfied(requirement, {"numpy": version}, pinned=False) is holds
    assert satisfied(requirement, {}, pinned=False) is False


@pytest.mark.parametrize(
    ("requirement", "version"),
    [("a==1.0", "1.0"), ("a===1.0+x", "1.0+x"), ("a==1.*", None), ("a>=1", None), ("a", None), ("a==1,!=1.0.1", None),
     ('a==1; python_version>"3"', None), ("a @ https://h/a-1-py3-none-any.whl", None)],
)  # fmt: skip
def test_only_a_pin_promises_a_version(requirement: str, version: str | None) -> None:
    assert pinned_version(requirement) == version


def test_a_pin_of_torchup_itself_means_that_build_alone() -> None:
    assert satisfied("torch==2.13.0", {"torch": "2.13.0"})
    assert not satisfied("torch==2.13.0", {"torch": "2.13.0+cu126"})


NEEDS = {
    "pandas": ("numpy>=1", 'openpyxl>=3; extra == "excel"', 'pandas[excel]; extra == "all"', 'x; extra=="w" and os_name=="nt"'),
    "openpyxl": (),
}  # fmt: skip


@pytest.mark.parametrize(
    ("requirement", "installed", "holds"),
    [
        ("pandas", {"pandas": "2"}, True),
        ("pandas[excel]", {"pandas": "2"}, False),
        ("pandas[Excel]", {"pandas": "2", "openpyxl": "3.1"}, True),
        ("pandas[excel]", {"pandas": "2", "openpyxl": "2.0"}, False),
        ("pandas[all]", {"pandas": "2"}, False),
        ("pandas[all]", {"pandas": "2", "openpyxl": "3.1"}, True),
        ("pandas[w]", {"pandas": "2"}, True),
        ("pandas[unknown]", {"pandas": "2"}, True),
    ],
)
def test_what_an_extra_brings_has_to_be_there(requirement: str, installed: dict[str, str], holds: bool) -> None:
    assert extras_hold(requirement, installed, NEEDS, marker_environment(LINUX, "3.12")) is holds


def test_markers_are_held_against_the_environment_not_against_this_machine() -> None:
    extras = ('a; python_version < "3.12"', 'b; sys_platform == "win32"', 'c; python_full_version >= "3.12.4"', "d")
    wish = EnvironmentWish(extras=extras)
    windows = OperatingSystem(system="windows", arch="AMD64")
    assert wanted_extras(wish, marker_environment(LINUX, "3.12")) == ("d",)
    assert wanted_extras(wish, marker_environment(LINUX, "3.12.7")) == extras[2:]
    assert wanted_extras(wish, marker_environment(windows, "3.11t")) == (extras[0], extras[1], "d")
    (first, *_) = left_out_extras(wish, marker_environment(LINUX, "3.12.7"))
    assert first == f"{extras[0]} is left out: its marker does not hold for Python 3.12.7 on Linux x86_64."


def test_a_set_is_known_in_any_spelling() -> None:
    markers = marker_environment(LINUX, "3.12")
    assert wanted_extras(EnvironmentWish(extras=("NoteBook",)), markers)[:2] == ("notebook", "ipywidgets")


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("numpy, pandas", ("numpy", "pandas")),
        ("pandas[excel,html]>=2,<3,numpy", ("pandas[excel,html]>=2,<3", "numpy")),
        ("pandas[excel]", ("pandas[excel]",)),
        ("[pandas[excel]]", ("pandas[excel]",)),
        ("numpy>=2 , != 2.1 , ~=2.0", ("numpy>=2 , != 2.1 , ~=2.0",)),
        ('a; python_version in "3.11, 3.12", b', ('a; python_version in "3.11, 3.12"', "b")),
        ("""['a>=1,<2', "b"]""", ("a>=1,<2", "b")),
        ("", ()),
    ],
)
def test_a_list_in_one_argument(text: str, items: tuple[str, ...]) -> None:
    assert parse_value("environment.extras", text) == items
    assert check_value("environment.extras", items) is None


def test_folders_keep_their_odd_letters() -> None:
    assert parse_value("source.find_links", "/a[b,~/it's,/c(d") == ("/a[b", "~/it's", "/c(d")
