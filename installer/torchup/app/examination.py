"""What `verify` and `doctor` look at, read from the live machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from torchup.app.commandline import CommandLine
from torchup.detect.commands import Ran, run_commands
from torchup.detect.host import Host, running_system
from torchup.model.context import Context
from torchup.model.facts import MachineFacts
from torchup.ownership import refuse_foreign_program

if TYPE_CHECKING:
    from torchup.verify.doctor.subject import Subject
    from torchup.verify.interpreter import Choice
    from torchup.verify.scrub import Scrubber

_INTERPRETER_SECONDS = 30.0
_LOG_SECONDS = 5.0


def choose(line: CommandLine, asked: str | None, set_up: str | None, facts: MachineFacts) -> Choice:
    """Choose the interpreter to look at. Raises UsageError when there is none, and RefusedError foreign-program."""
    from torchup.detect.conda import conda_environments
    from torchup.verify.interpreter import choose_interpreter

    context = line.context
    choice = choose_interpreter(
        asked=asked,
        set_up=set_up,
        environ=context.environ,
        home=context.home,
        cwd=context.cwd,
        system=running_system(),
        # A link that leads nowhere is the interpreter all the same: that it is lost is what has to be told.
        exists=os.path.lexists,
        which=lambda name: shutil.which(name, path=context.environ.get("PATH")),
        conda_prefixes=lambda: conda_environments(_host(context), facts.conda),
    )
    refuse_foreign_program(choice.python, command="torchup verify")
    return choice


def subject_of(line: CommandLine, facts: MachineFacts, python: str | None, planned_variant: str | None) -> Subject:
    """Read the interpreter and its packages, and give what the layers look at."""
    from torchup.apply.distributions import leads_nowhere
    from torchup.verify.doctor.packages import read_packages
    from torchup.verify.doctor.software import ASK_INTERPRETER, parse_interpreter
    from torchup.verify.doctor.subject import Subject

    context = line.context
    host = _host(context)
    subject = Subject(
        facts=facts,
        environ=context.environ,
        host=host,
        ask=ask,
        planned_variant=planned_variant,
        folder=str(context.cwd),
    )
    subject.kernel_log = cache(lambda: _kernel_log(context.environ))
    if python is None:
        return subject
    # Isolated, and without the variables that change how a Python starts: this asks the interpreter alone.
    ran = ask((python, "-I", "-c", ASK_INTERPRETER), context.environ, _INTERPRETER_SECONDS)
    interpreter, markers = parse_interpreter(python, ran)
    if interpreter.problem is not None and (lost := leads_nowhere(Path(python))):
        interpreter = replace(interpreter, problem=lost)
    subject.interpreter = interpreter
    if interpreter.problem is None:
        extra = [entry for entry in context.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
        users = [interpreter.user_site] if interpreter.user_site and _uses_user_site(subject) else []
        sites = tuple(dict.fromkeys((*extra, *users, *interpreter.sites)))
        subject.packages = read_packages(host, sites, prefix=interpreter.prefix, markers=markers)
    return subject


def ask(command: tuple[str, ...], environ: Mapping[str, str], seconds: float) -> Ran:
    """Run one command to its end or its time limit."""
    return run_commands([command], environ=environ, limit=seconds)[0]


def scrubber(context: Context, *, only_secrets: bool = False) -> Scrubber:
    """Give the scrubber that knows this person and this machine; secrets go in any case."""
    import platform
    import socket

    from torchup.verify.scrub import Scrubber

    names = {context.environ.get(name, "") for name in ("USER", "LOGNAME", "SUDO_USER", "USERNAME")}
    names.add(context.home.name)
    hosts = {platform.node(), socket.gethostname(), context.environ.get("HOSTNAME", "")}
    homes = {str(context.home), os.path.realpath(context.home)}
    return Scrubber(
        homes=tuple(filter(None, homes)),
        users=tuple(sorted(filter(None, names))),
        hosts=tuple(sorted(filter(None, hosts))),
        only_secrets=only_secrets,
    )


def _uses_user_site(subject: Subject) -> bool:
    python = subject.interpreter
    return python is not None and python.prefix == python.base_prefix and not subject.environ.get("PYTHONNOUSERSITE")


def _host(context: Context) -> Host:
    return Host.at(Path("/"), environ=context.environ, home=context.home)


def _kernel_log(environ: Mapping[str, str]) -> str:
    commands = (("dmesg",), ("journalctl", "--dmesg", "--boot", "--no-pager", "--quiet", "--output=cat"))
    for command in commands:
        ran = ask(command, environ, _LOG_SECONDS) if shutil.which(command[0]) else None
        if ran is not None and ran.ok and ran.stdout.strip():
            return ran.stdout
    return ""
