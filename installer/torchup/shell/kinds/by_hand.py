"""Shells that torchup has no templates for: it prints the values, and says where they go."""

from __future__ import annotations

from torchup.shell.kinds.kind import Shell
from torchup.words import mark

ELVISH = Shell(
    name="elvish",
    programs=("elvish",),
    reads=lambda home: (home.config("elvish", "rc.elv"),),
    pointer=mark("in rc.elv, by `set E:NAME = ...`"),
)

XONSH = Shell(name="xonsh", programs=("xonsh",), pointer=mark("in ~/.xonshrc, by `$NAME = ...`"))
