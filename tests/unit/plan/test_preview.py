from __future__ import annotations

import json

from torchup.plan.preview import Move, broken_by, moves_of_pip, moves_of_uv, sentences

UV = """\
Using Python 3.11.7 environment at: e
Resolved 5 packages in 152ms
Would download 4 packages
Would uninstall 2 packages
Would install 4 packages
 - jinja2==3.1.0
 + jinja2==3.1.6
 - numpy==1.26.4
 + numpy==2.0.2
 + SymPy==1.14.0
 - old-thing==1.0
 ~ torch==2.13.0+cpu
"""
NUMPY = Move(name="numpy", before="1.26.4", after="2.0.2")


def test_what_uv_foretells() -> None:
    assert moves_of_uv(UV) == (
        Move(name="jinja2", before="3.1.0", after="3.1.6"),
        NUMPY,
        Move(name="old-thing", before="1.0", after=None),
        Move(name="sympy", before=None, after="1.14.0"),
        Move(name="torch", before="2.13.0+cpu", after="2.13.0+cpu"),
    )
    assert moves_of_uv("Would make no changes\n") == ()


def test_what_pip_foretells() -> None:
    report = {"version": "1", "install": [{"metadata": {"name": "NumPy", "version": "2.0.2"}}]}
    assert moves_of_pip(json.dumps(report), {"numpy": "1.26.4"}) == (NUMPY,)
    for broken in ("", "[]", "{}", '{"install": [{}]}'):
        assert moves_of_pip(broken, {}) == ()


def test_who_loses_what_it_needs() -> None:
    needs = {
        "pandas": ['numpy<2,>=1.23.2; python_version == "3.11" or python_version != "3.11"', "pytz>=2020.1"],
        "scipy": ["numpy>=1.26", 'torch; extra == "gpu"'],
        "numpy": ["old-thing"],
        "user": ["old_thing>=1", "not a requirement at all >>"],
    }
    installed = {"pandas": "2.1.4", "scipy": "1.14", "user": "1"}
    moves = (NUMPY, Move(name="old-thing", before="1.0", after=None))
    pandas, user = broken_by(moves, needs, installed)
    assert pandas.startswith("pandas 2.1.4 needs numpy<2,>=1.23.2 and gets numpy 2.0.2")
    assert user.startswith("user 1 needs old_thing>=1 and loses old_thing")


def test_one_that_is_replaced_as_well_is_not_told_to_break() -> None:
    moves = (NUMPY, Move(name="pandas", before="2.1.4", after="2.3.0"))
    assert broken_by(moves, {"pandas": ["numpy<2"]}, {"pandas": "2.1.4"}) == ()


def test_the_sentences_name_what_becomes_older() -> None:
    down = Move(name="numpy", before="2.0.2", after="1.26.4")
    new = tuple(Move(name=f"new{number:02}", before=None, after="1") for number in range(14))
    first, second = sentences((down, *new), "/env")
    assert first == "In /env, numpy 2.0.2 becomes 1.26.4 (older)."
    assert second.endswith("new11 1 and 2 more.")
