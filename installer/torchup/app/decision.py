"""From facts and request to a decision: ask the sources, then resolve. Shared by all commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from torchup.app.commandline import CommandLine
from torchup.errors import NoSolutionError
from torchup.model.facts import MachineFacts
from torchup.model.offer import IndexSettings, OfferBook
from torchup.model.quick import dataclass
from torchup.model.request import Request
from torchup.model.resolution import Resolution
from torchup.own_variables import PREFIX, is_own
from torchup.words import tr


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The offers of one look at the sources, and how pip and uv are configured."""

    book: OfferBook
    settings: IndexSettings


def read_machine(line: CommandLine, machine: Path | None) -> MachineFacts:
    """Give the facts of this machine, or of the one that a file describes."""
    if machine is not None:
        from torchup.answers.facts_file import read_facts

        return read_facts(machine)
    from torchup.detect.collect import detect

    # No spinner here: NVML is asked in a forked child, and only a process without threads may fork safely.
    return detect(line.context)


def with_named_python(line: CommandLine, facts: MachineFacts, request: Request) -> MachineFacts:
    """Add the interpreter that `python.version` names by its path, which may lie where none is looked for."""
    wish = request.python.version
    if not wish.startswith(("/", "~/")) or facts.os.system == "windows":
        return facts
    path = str(line.context.home / wish[2:]) if wish.startswith("~/") else wish
    if any(python.path == path for python in facts.pythons):
        return facts
    from torchup.detect.host import Host
    from torchup.detect.pythons import read_named_python

    host = Host.at(Path("/"), environ=line.context.environ, home=line.context.home, limits=None)
    found = read_named_python(host, path)
    return facts if found is None else replace(facts, pythons=(*facts.pythons, found))


def read_request(answers: Path | None, settings: tuple[str, ...], environ: dict[str, str]) -> Request:
    """Give the request of an answers file, `--set` and `TORCHUP_SET_*` variables, or the defaults."""
    has_variables = any(name.startswith(PREFIX) and not is_own(name) for name in environ)
    if answers is None and not settings and not has_variables:
        return Request()
    from torchup.answers.overrides import apply_overrides
    from torchup.answers.read import read_answers

    request = Request() if answers is None else read_answers(answers)
    return apply_overrides(request, settings=settings, environ=environ)


def ask_sources(
    line: CommandLine,
    request: Request,
    facts: MachineFacts,
    *,
    offline: bool,
    own_machine: bool,
    keep: bool = True,
    meanwhile: Callable[[], object] = lambda: None,
) -> Sources:
    """Ask the package sources which wheels they have.

    The sources that this machine is configured with say nothing about another machine, so a foreign
    facts file is resolved over PyTorch's own index alone, unless the answers name sources. Without `keep`
    nothing is written, not even a copy of the pages. `meanwhile` is called while the answers are awaited.
    """
    from torchup.resolve.offers.collect import collect
    from torchup.resolve.offers.others import beside_pytorch, toolkit_packages
    from torchup.resolve.offers.settings import connection_only, read_settings, with_netrc
    from torchup.resolve.offers.sources import addresses_of

    context = line.context
    offline = offline or request.source.offline
    cache = context.places.cache if keep or offline else None
    settings = read_settings(
        context.environ, context.home, cache=cache if keep else None, ask=own_machine and not offline
    )
    if not own_machine:
        settings = connection_only(settings)
    settings = with_netrc(settings, addresses_of(request.source), context.environ, context.home)
    for problem in settings.problems:
        line.console.warn(problem)
    if request.source.index == "conda-forge":
        return Sources(book=_ask_conda(line, request, facts), settings=settings)
    ask = partial(
        collect,
        request.source,
        facts,
        tuple(dict.fromkeys(("torch", *request.torch.packages))),
        settings=settings,
        cache=cache,
        offline=offline,
        today=context.now().date().isoformat(),
        # A pin that nothing fits has to be answered with what would fit.
        also=() if request.torch.variant == "auto" else (request.torch.variant,),
    )
    others = toolkit_packages(request.cuda_toolkit) if own_machine else ()
    ask_others = [
        partial(
            collect,
            wish,
            facts,
            others,
            settings=settings,
            cache=cache,
            offline=offline,
            today=context.now().date().isoformat(),
        )
        for wish in (beside_pytorch(request.source) if others else ())
    ]
    if offline:
        return Sources(book=_with_others(ask(), [ask_other() for ask_other in ask_others]), settings=settings)
    from concurrent.futures import ThreadPoolExecutor

    with line.console.working(tr("Asking the package sources")), ThreadPoolExecutor(1 + len(ask_others)) as pool:
        asked = pool.submit(ask)
        asked_others = [pool.submit(ask_other) for ask_other in ask_others]
        meanwhile()
        book = _with_others(asked.result(), [other.result() for other in asked_others])
    return Sources(book=book, settings=settings)


def _with_others(book: OfferBook, others: list[OfferBook]) -> OfferBook:
    return replace(book, others=tuple(offer for other in others for offer in other.offers)) if others else book


def _ask_conda(line: CommandLine, request: Request, facts: MachineFacts) -> OfferBook:
    """Let conda itself say which builds its channels have; raises RefusedError with code conda-missing."""
    from torchup.plan.conda import find_conda
    from torchup.plan.inherited import inherited
    from torchup.resolve.offers.conda_search import ask_conda, run_search

    conda = find_conda(facts)
    with line.console.working(tr("Asking the conda channels")):
        return ask_conda(
            conda,
            request.source,
            facts,
            tuple(dict.fromkeys(("torch", *request.torch.packages))),
            today=line.context.now().date().isoformat(),
            search=run_search(inherited(line.context.environ)),
        )


def no_solution(resolution: Resolution) -> NoSolutionError:
    """Make the error that says why nothing can be installed now, and what to do first."""
    needed = resolution.status == "action_needed"
    evidence = [reason.text for reason in resolution.reasons]
    evidence += [tr("warning: {text}", text=warning.text) for warning in resolution.warnings]
    evidence += [f"torch {item.version}+{item.variant}: {item.text}" for item in resolution.rejected[:5]]
    steps = []
    for step in resolution.next_steps:
        steps.append(step.text)
        steps += [f"    {command}" for command in step.commands]
    return NoSolutionError(
        tr("Something has to be done before PyTorch can be set up.")
        if needed
        else tr("No PyTorch build fits this request."),
        code="action-needed" if needed else "no-solution",
        evidence=evidence,
        hint="\n".join(steps) or tr("`torchup resolve --all` lists every candidate with the gate that stopped it."),
    )
