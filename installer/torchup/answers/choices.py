"""The choices of a question on one machine, the recommended one first, each with its reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath

from torchup.answers.question import Choice, ChoiceSource, Question
from torchup.answers.signals import python_name, settings_offered, usable_pythons
from torchup.answers.values import Value, parse_value, value_at, write_value
from torchup.model.facts import MachineFacts, Toolkit
from torchup.model.request import Request
from torchup.model.resolution import Resolution
from torchup.shell.kinds import CONFIGURED, named
from torchup.words import tr

Source = Callable[[MachineFacts, Request, Resolution], tuple[Choice, ...]]


def choices_for(question: Question, facts: MachineFacts, request: Request, advised: Resolution) -> tuple[Choice, ...]:
    """Give what can be chosen; the first is the recommended one.

    `advised` is the resolution for the request in which this question has its default: it says what that default
    means on this machine. A confirmation becomes Yes and No, with the default first.
    """
    if question.choice_source is not None:
        return _SOURCES[question.choice_source](facts, request, advised)
    if question.kind == "confirm":
        yes, no = Choice(value=True, label=tr("Yes")), Choice(value=False, label=tr("No"))
        return (yes, no) if value_at(Request(), question.key) else (no, yes)
    return tuple(
        replace(choice, label=tr(choice.label), note=tr(choice.note) if choice.note else "")
        for choice in question.choices
    )


def variant_words(variant: str) -> str:
    """Say a variant in words: `CUDA 12.6` for `cu126`."""
    if variant.startswith("cu") and variant[2:].isdigit():
        return f"CUDA {variant[2:-1]}.{variant[-1]}"
    if variant.startswith("rocm"):
        return f"ROCm {variant.removeprefix('rocm')}"
    return {"cpu": tr("the CPU alone"), "xpu": tr("Intel GPUs"), "mps": tr("Apple GPUs")}.get(variant, variant)


def _variants(facts: MachineFacts, request: Request, advised: Resolution) -> tuple[Choice, ...]:
    del facts, request
    # That another GPU is left out, or that the release is the newest, does not say why this build is taken.
    why = [reason.text for reason in advised.reasons if reason.code not in ("gpu-left-out", "newest")]
    reason = why[0] if why else ""
    if advised.torch is None:
        auto = Choice(value="auto", label=tr("what fits the GPUs"), note=reason or tr("Nothing fits as things are."))
    else:
        label = tr(
            "PyTorch {version} for {accelerator}",
            version=advised.torch.version,
            accelerator=variant_words(advised.torch.variant),
        )
        auto = Choice(value="auto", label=label, note=reason)
    cpu = Choice(value="cpu", label=tr("for the CPU alone"), note=tr("Leaves the GPU idle; a much smaller download."))
    return auto, cpu


def _gpus(facts: MachineFacts, request: Request, advised: Resolution) -> tuple[Choice, ...]:
    del request
    offered = settings_offered(advised, "gpus.use")
    if offered:
        # No single build serves all of them, so what does serve some is recommended, the newest first.
        served = [(parse_value("gpus.use", text), note) for text, note in offered]
        everything = Choice(value="all", label=tr("all of them"), note=tr("No single build serves all of them."))
        return (*(Choice(value=value, label=_gpu_names(facts, value), note=note) for value, note in served), everything)
    note = (
        tr("One build serves all of them.")
        if advised.status == "ok"
        else tr("As things are, no build serves all of them.")
    )
    everything = Choice(value="all", label=tr("all of them"), note=note)
    single = [(gpu.index,) for gpu in facts.gpus if gpu.vendor in ("nvidia", "amd")]
    return (everything, *(Choice(value=value, label=_gpu_names(facts, value)) for value in single))


def _gpu_names(facts: MachineFacts, indexes: Value) -> str:
    named = [gpu for gpu in facts.gpus if isinstance(indexes, tuple) and gpu.index in indexes]
    return tr(
        "only {index}: {name}",
        index=", ".join(str(gpu.index) for gpu in named),
        name=", ".join(gpu.name or gpu.vendor for gpu in named),
    )


def _pythons(facts: MachineFacts, request: Request, advised: Resolution) -> tuple[Choice, ...]:
    del request
    pick = advised.torch
    if pick is None:
        auto = Choice(value="auto", label=tr("the newest that PyTorch has wheels for"))
    else:
        where = f" ({pick.python_path})" if pick.python_path else ""
        auto = Choice(
            value="auto",
            label=f"Python {pick.python}{where}",
            note=tr(
                "{python} is the newest here that a wheel of torch {version} was found for.",
                python=pick.python,
                version=pick.version,
            ),
        )
    taken = {pick.python if pick else None}
    others: list[Choice] = []
    for python in usable_pythons(facts):
        name = python_name(python)
        if name not in taken:
            taken.add(name)
            others.append(Choice(value=name, label=f"Python {name} ({python.path})"))
    return (auto, *others)


def _environment_kinds(facts: MachineFacts, request: Request, advised: Resolution) -> tuple[Choice, ...]:
    del request, advised
    choices = [
        Choice(value="venv", label=tr("a venv: a folder of its own"), note=tr("A venv touches nothing that is there."))
    ]
    if facts.conda:
        member = facts.conda[0]
        choices.append(Choice(value="conda", label=tr("a conda environment ({path})", path=member.path)))
    if _environments_found(facts):
        choices.append(Choice(value="existing", label=tr("an environment that is there already")))
    return tuple(choices)


def _environments_found(facts: MachineFacts) -> tuple[str, ...]:
    pure = PureWindowsPath if facts.os.system == "windows" else PurePosixPath
    found = [str(pure(python.path).parent.parent) for python in facts.pythons if python.kind in ("venv", "conda")]
    return tuple(dict.fromkeys(found))


def _environments(facts: MachineFacts, request: Request, advised: Resolution) -> tuple[Choice, ...]:
    del advised
    if request.environment.kind == "existing":
        found = _environments_found(facts)
        if found:
            return tuple(Choice(value=path, label=path) for path in found)
    default = Request().environment.path
    return (Choice(value=default, label=default),)


def _toolkits(facts: MachineFacts, request: Request, advised: Resolution) -> tuple[Choice, ...]:
    del request
    choices = [
        Choice(value="none", label=tr("No"), note=tr("PyTorch's wheels bring the CUDA libraries that they need."))
    ]
    if facts.toolkits:
        kit = facts.toolkits[0]
        found = _kit(kit) if len(facts.toolkits) == 1 else tr("one that is there")
        choices.append(Choice(value="existing", label=tr("Yes, with {found}", found=found)))
    cuda = variant_words(advised.torch.variant) if advised.torch and advised.torch.variant.startswith("cu") else "CUDA"
    if not (advised.torch and advised.torch.variant.startswith(("cu11", "cu12"))):
        # The packages of CUDA 11 and 12 have no nvcc.
        choices.append(Choice(value="wheel", label=tr("Yes, with {cuda} as Python packages (no root)", cuda=cuda)))
    choices.append(Choice(value="system", label=tr("Yes, with {cuda} as system packages (root)", cuda=cuda)))
    if facts.conda:
        choices.append(Choice(value="conda", label=tr("Yes, with {cuda} from conda", cuda=cuda)))
    return tuple(choices)


def _toolkit_paths(facts: MachineFacts, request: Request, advised: Resolution) -> tuple[Choice, ...]:
    del request
    any_of = Choice(
        value=None, label=tr("the one that fits the chosen build best"), note=advised.cuda_toolkit.path or ""
    )
    kits = {kit.path: kit for kit in facts.toolkits}
    return (
        any_of,
        *(Choice(value=kit.path, label=_kit(kit)) for kit in kits.values()),
    )


def _kit(kit: Toolkit) -> str:
    return tr("CUDA {version} at {path}", version=kit.version or "?", path=kit.path)


def _driver(facts: MachineFacts, request: Request, advised: Resolution) -> tuple[Choice, ...]:
    del facts, request
    driver = advised.driver
    words = [tr("branch {branch}", branch=driver.branch)] if driver.branch else []
    words += [tr("{module} kernel module", module=driver.module)] if driver.module else []
    what = f" ({', '.join(words)})" if words else ""
    return (
        Choice(
            value="auto",
            label=tr("No, change nothing about the driver"),
            note=tr("With No, you get the commands to install the driver yourself."),
        ),
        Choice(
            value="install",
            label=tr("Yes, install it{what}", what=what),
            note=tr("Needs root and a restart; every command is shown first."),
        ),
    )


def _mirrors(facts: MachineFacts, request: Request, advised: Resolution) -> tuple[Choice, ...]:
    del facts, request
    why = next((reason.text for reason in advised.reasons if reason.code == "source-unreachable"), "")
    return (Choice(value=None, label=tr("none"), note=why),)


def _shells(facts: MachineFacts, request: Request, advised: Resolution) -> tuple[Choice, ...]:
    del request, advised
    there = [shell.name for shell in CONFIGURED.values() if shell.program in facts.shells.installed]
    used = [shell.name for name in (facts.shells.current, facts.shells.login) if name and (shell := named(name))]
    usual = [name for name in there if CONFIGURED[name].usual]
    several = ", ".join(dict.fromkeys([*(name for name in used if name in CONFIGURED), *usual]))
    label = tr("the usual ones ({named})", named=several) if several else tr("the usual ones")
    single = tuple(Choice(value=(name,), label=tr("only {name}", name=name)) for name in there)
    none = Choice(
        value="none", label=tr("none"), note=tr("Touches no start-up file; you get the line to run yourself.")
    )
    return (Choice(value="auto", label=label), *single, none)


_SOURCES: dict[ChoiceSource, Source] = {
    "gpus": _gpus,
    "variants": _variants,
    "pythons": _pythons,
    "environment-kinds": _environment_kinds,
    "environments": _environments,
    "toolkits": _toolkits,
    "toolkit-paths": _toolkit_paths,
    "driver": _driver,
    "shells": _shells,
    "mirrors": _mirrors,
}


def with_current(choices: tuple[Choice, ...], current: Value) -> tuple[Choice, ...]:
    """Add the value that holds now, if it is not among the choices: it must be possible to keep it."""
    if any(choice.value == current and type(choice.value) is type(current) for choice in choices):
        return choices
    return (*choices, Choice(value=current, label=write_value(current)))
