"""What `torchup shell` was asked for, on this machine: the options, turned into a plan of the shell part."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from torchup import __version__
from torchup.app.commandline import CommandLine
from torchup.app.decision import read_machine
from torchup.app.startup import Startup, ask_shells
from torchup.app.startup_look import read_startup
from torchup.errors import UsageError
from torchup.model.context import Context
from torchup.model.facts import MachineFacts
from torchup.model.plan import Plan
from torchup.model.request import Request, ShellWish
from torchup.model.resolution import ToolkitDecision
from torchup.plan.config_folder import config_folder
from torchup.plan.shell_steps import ShellPlan, plan_shell
from torchup.shell.kinds.kind import StartupFile
from torchup.shell.startup_choice import Unedited
from torchup.words import tr

DEFAULT_ENVIRONMENT = ".venvs/torch"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellOptions:
    """The options that the `torchup shell` commands share, as the command line has them."""

    shells: tuple[str, ...] = ()
    rc: str | None = None
    no_rc: bool = False
    cuda_home: str | None = None
    environment: str | None = None
    scope: Literal["interactive", "all"] = "interactive"
    ld_library_path: Literal["auto", "always", "never"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the options ask for; `unusable` are files that turned out not to be writable."""

    line: CommandLine
    facts: MachineFacts
    startup: Startup
    wish: ShellWish
    toolkit: ToolkitDecision
    environment: str | None
    edit: bool = True
    unusable: Mapping[str, Unedited] = field(default_factory=dict)

    @property
    def context(self) -> Context:
        """The context, with the places that the shells named."""
        return self.startup.context

    def plan(self) -> ShellPlan:
        """Plan the env files and the blocks."""
        return plan_shell(
            wish=self.wish,
            facts=self.facts,
            context=self.context,
            files=read_startup,
            toolkit=self.toolkit,
            environment=self.environment,
            wheel_brings_cuda=self._wheel_brings_cuda(),
            asked=replace(self.startup.asked, look=self._look),
            edit=self.edit,
        )

    def steps(self, planned: ShellPlan) -> Plan:
        """Make a plan of the steps of the shell part."""
        from torchup.plan.digests import facts_digest, request_digest

        config = str(self.context.places.config)
        folder = config_folder(config, why=tr("The env files go there."))
        writes = any(step.kind == "WriteFile" and Path(step.path).parent == Path(config) for step in planned.steps)
        return Plan(
            tool_version=__version__,
            facts_digest=facts_digest(self.facts),
            request_digest=request_digest(Request(shell=self.wish)),
            steps=(folder, *planned.steps) if writes else planned.steps,
            warnings=(*planned.warnings, *self.links(planned)),
            left_out=planned.choice.left_out,
            shells=planned.proof,
        )

    def links(self, planned: ShellPlan) -> tuple[str, ...]:
        """Say where links lead: the toolkit that CUDA_HOME names, and start-up files that lie elsewhere."""
        lines = []
        if cuda_home := planned.known.cuda_home:
            real = os.path.realpath(cuda_home)
            lines.append(
                tr("CUDA_HOME is {path}.", path=cuda_home)
                if real == cuda_home
                else tr("CUDA_HOME is {path}, a link that leads to {target} today.", path=cuda_home, target=real)
            )
        for file in planned.choice.files:
            place = str(self.context.below_root(Path(file.path)))
            if Path(place).is_symlink():
                lines.append(
                    tr(
                        "{path} is a link, and stays one; the edit goes to {target}.",
                        path=file.path,
                        target=os.path.realpath(place),
                    )
                )
        return tuple(lines)

    def without(self, path: str, why: Unedited) -> Wanted:
        """Leave a file out that could not be written when it came to it."""
        return replace(self, unusable={**self.unusable, path: why})

    def _look(self, files: tuple[StartupFile, ...]) -> Mapping[str, Unedited]:
        return {**self.startup.asked.look(files), **self.unusable}

    def _wheel_brings_cuda(self) -> bool:
        """Tell whether the PyTorch in the environment has CUDA libraries of its own; any on this machine, if unsure."""
        builds = self.facts.torch
        here = [torch for torch in builds if self.environment and torch.python.startswith(f"{self.environment}/")]
        return any((torch.variant or "").startswith("cu") for torch in here or builds)


def wanted_by(line: CommandLine, options: ShellOptions, *, needs_something: bool = True) -> Wanted:
    """Find the toolkit and the environment that the options name.

    Raises UsageError (nothing-to-configure, folder-missing).
    """
    context = line.context
    facts = read_machine(line, None)
    folder = _folder(options.environment, context, "--environment")
    if folder is None and (context.home / DEFAULT_ENVIRONMENT).is_dir():
        folder = str(context.home / DEFAULT_ENVIRONMENT)
    toolkit = _folder(options.cuda_home, context, "--cuda-home")
    if needs_something and folder is None and toolkit is None:
        raise UsageError(
            tr("There is no environment and no CUDA toolkit for the shells to know of."),
            code="nothing-to-configure",
            evidence=[tr("not there: {path}", path=context.home / DEFAULT_ENVIRONMENT)],
            hint=tr("Name them: --environment DIR, --cuda-home DIR. `torchup setup` makes an environment."),
        )
    chosen: Any = options.shells or "auto"
    wish = ShellWish(
        shells=chosen,
        rc=str(context.cwd / _expanded(options.rc, context)) if options.rc else None,
        scope=options.scope,
        ld_library_path=options.ld_library_path,
    )
    return Wanted(
        line=line,
        facts=facts,
        startup=ask_shells(context, facts, wish),
        wish=wish,
        toolkit=ToolkitDecision(source="existing" if toolkit else "none", path=toolkit),
        environment=folder,
        edit=not options.no_rc,
    )


def as_set_up(line: CommandLine, options: ShellOptions) -> ShellOptions:
    """Fill in the toolkit and the environment that the newest run with changes told the shells of."""
    from torchup.apply.history import read_runs

    if options.cuda_home is not None or options.environment is not None:
        return options
    for run in read_runs(line.context):
        proof = run.plan.shells
        if run.environment_stands and proof is not None:
            return replace(options, cuda_home=proof.cuda_home, environment=proof.environment)
    return options


def _expanded(text: str, context: Context) -> Path:
    return context.home / text[2:] if text.startswith("~/") else Path(text)


def _folder(text: str | None, context: Context, option: str) -> str | None:
    if text is None:
        return None
    # Links stay as they are written: /usr/local/cuda is meant to move with the toolkit.
    place = os.path.abspath(context.cwd / _expanded(text, context))  # noqa: PTH100 - Path.resolve would follow links
    if not Path(place).is_dir():
        raise UsageError(
            tr("{option} names {path}, which is no folder.", option=option, path=place),
            code="folder-missing",
            hint=tr("Give the path of a folder."),
        )
    return place
