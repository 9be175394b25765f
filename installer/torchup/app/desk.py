"""The desk of one set-up: asks the sources once per wish, resolves, and makes plans of the result."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from torchup.app.commandline import CommandLine
from torchup.app.decision import Sources, ask_sources, with_named_python
from torchup.model.facts import MachineFacts
from torchup.model.offer import IndexSettings
from torchup.model.quick import dataclass
from torchup.model.request import Request
from torchup.model.resolution import Resolution
from torchup.words import tr

if TYPE_CHECKING:
    from torchup.model.plan import Plan
    from torchup.plan.given import LockedPackages


@dataclass(slots=True, kw_only=True)
class Desk:
    """What `setup` decides with.

    `own_machine` is False for a facts file of another machine. When it is `dry`, nothing is written at all.
    With `asks_first` a person is asked before anything is planned.
    """

    line: CommandLine
    facts: MachineFacts
    own_machine: bool
    program: tuple[str, ...]
    save_answers: Path | None = None
    dry: bool = False
    asks_first: bool = False
    _asked: dict[tuple[object, ...], Sources] = field(default_factory=dict)

    def sources(self, request: Request) -> Sources:
        """Give the offers for a request; the sources are asked once for each source wish."""
        from torchup.resolve.offers.others import toolkit_packages

        others = toolkit_packages(request.cuda_toolkit)
        key = (request.source, request.torch.packages, request.torch.variant, others)
        if key not in self._asked:
            self._asked[key] = ask_sources(
                self.line,
                request,
                self.facts,
                offline=False,
                own_machine=self.own_machine,
                keep=not self.dry,
                meanwhile=_load_the_questions if self.asks_first else _load_what_comes_next,
            )
        return self._asked[key]

    def resolve(self, request: Request) -> Resolution:
        """Decide; on this machine only over wheels that can be fetched in this run (docs/adr/0005)."""
        from torchup.resolve.decide import resolve

        book = self.sources(request).book
        facts = with_named_python(self.line, self.facts, request) if self.own_machine else self.facts
        return resolve(facts, request, book, stand_ins_count=not self.own_machine)

    def plan(self, request: Request, resolution: Resolution) -> Plan:
        """Make the plan, with the complete answers as its first file."""
        from uv import find_uv_bin

        from torchup import __version__
        from torchup.answers.write import render_answers
        from torchup.app.startup import ask_shells, refuse_unreadable_startup_files
        from torchup.app.startup_look import read_startup
        from torchup.apply.survey import survey_target
        from torchup.plan.build import PlanInput, environment_path, make_plan
        from torchup.plan.packages import kept_out
        from torchup.plan.target import TargetState
        from torchup.shell.startup_choice import Asked

        sources = self.sources(request)
        request = effective(request, resolution)
        context, asked = self.line.context, Asked()
        if self.own_machine:
            startup = ask_shells(context, self.facts, request.shell)
            context, asked = startup.context, startup.asked
        path = environment_path(request, self.facts, context)
        nothing: Mapping[str, bytes] = {}
        given = PlanInput(
            facts=self.facts,
            request=request,
            settings=sources.settings,
            context=context,
            target=survey_target(path, context) if self.own_machine else TargetState(path=path, kind="absent"),
            uv=find_uv_bin(),
            answers_text=(text := render_answers(request, tool_version=__version__)),
            files=read_startup if self.own_machine else nothing,
            unreachable=[report.origin for report in sources.book.reports if report.state == "unreachable"],
            torchup=self.program,
            lock=self.locked(resolution),
            asked=asked,
        )
        plan = make_plan(resolution=resolution, given=given)
        foretold = kept_out(given, resolution.torch) if resolution.torch else ()
        if self.own_machine:
            refuse_unreadable_startup_files(plan, read_startup)
            foretold += self._previewed(request, plan, sources.settings)
        plan = replace(plan, warnings=(*plan.warnings, *foretold))
        return plan if self.save_answers is None else self._with_copy(plan, self.save_answers, text)

    def _previewed(self, request: Request, plan: Plan, settings: IndexSettings) -> tuple[str, ...]:
        """Say what would change in an environment that exists, as the installer itself foretells it."""
        if request.environment.kind != "existing":
            return ()
        from torchup.apply.preview import preview
        from torchup.plan.secrets import secret_environment

        with self.line.console.working(tr("Asking the installer what would change")):
            return preview(plan, self.line.context, secret_environment(settings))

    def locked(self, resolution: Resolution) -> LockedPackages | None:
        """Give what a lock names; here there is none."""
        del resolution
        return None

    def keep_answers_so_far(self, request: Request) -> None:
        """Write the answers of a wizard that was stopped, if a copy was asked for; a next run asks from there."""
        if self.save_answers is None or self.dry:
            return
        from torchup import __version__
        from torchup.answers.write import render_answers
        from torchup.apply.run import Machine
        from torchup.ui.program import callable_here

        text = render_answers(
            replace(request, ask=("*",)),
            tool_version=__version__,
            heading=[tr("The set-up was stopped. With this file it asks again, with the answers so far preselected.")],
        )
        system = Machine(context=self.line.context).system()
        place = self._copy_place(self.save_answers)
        system.make_directory(str(place.parent), 0o755)
        system.write_file(str(place), text.encode("utf-8", "surrogateescape"), mode=0o600, create=True)
        self.line.console.say(
            callable_here(
                tr(
                    "The answers so far are kept. To go on from there: torchup setup --answers {file}",
                    file=shlex.quote(str(self.save_answers)),
                )
            )
        )

    def _copy_place(self, file: Path) -> Path:
        return self.line.context.below_root((self.line.context.cwd / file).absolute())

    def _with_copy(self, plan: Plan, file: Path, text: str) -> Plan:
        from torchup.model.plan import MakeDirectory, WriteFile

        place = self._copy_place(file)
        why = tr("You asked for a copy of the answers.")
        copy = (
            MakeDirectory(
                id="answers-copy-folder", summary=tr("Make {path}", path=place.parent), why=why, path=str(place.parent)
            ),
            WriteFile(
                id="answers-copy",
                summary=tr("Write the answers to {path}", path=place),
                why=why,
                path=str(place),
                content=text,
                mode=0o600,
            ),
        )
        return replace(plan, steps=(*copy, *plan.steps))


def _load_the_questions() -> None:
    """Import what the first question needs while the sources are being asked."""
    import torchup.resolve.decide
    import torchup.ui.ask.pretty
    import torchup.ui.wizard  # noqa: F401


def _load_what_comes_next() -> None:
    """Import the later stages while the sources are being asked: it takes about as long as they do."""
    import jinja2  # noqa: F401

    import torchup.answers.write
    import torchup.apply.run
    import torchup.plan.build
    import torchup.resolve.decide
    import torchup.ui.closing
    import torchup.ui.progress  # noqa: F401


def effective(request: Request, resolution: Resolution) -> Request:
    """Give the request with the packages that were really chosen, so that the saved answers replay.

    A package of the default list that no source has is left out with a warning; the same package in a
    file would be a demand.
    """
    if resolution.torch is None or not request.is_default("torch.packages"):
        return request
    packages = ("torch", *(name for name in request.torch.packages if name in resolution.torch.packages))
    return replace(request, torch=replace(request.torch, packages=packages))
