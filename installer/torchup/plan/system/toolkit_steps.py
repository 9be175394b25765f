"""A CUDA toolkit from the operating system's packages: never one that drags a driver in, and no restart."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from torchup.errors import RefusedError
from torchup.knowledge.chips import chip_by_pci_id
from torchup.knowledge.recipes import Recipe, ToolkitOffer, recipes_for
from torchup.model.facts import MachineFacts
from torchup.model.plan import InstallSystemPackages, Step
from torchup.model.request import ToolkitWish
from torchup.model.resolution import ToolkitDecision
from torchup.plan.system.filling import Filling, filling_for, steps_of
from torchup.plan.system.refusals import refuse_toolkit, unknown_system
from torchup.plan.system.removal import is_installed
from torchup.words import mark, tr

_OTHER_WAYS = mark(
    "Set cuda_toolkit.source to wheel or conda, which need no root, or to none: PyTorch's wheels need no toolkit."
)
_BEFORE_TURING = frozenset({"kepler", "maxwell", "pascal", "volta"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemToolkit:
    """The steps to a toolkit, and the decision with the folder that CUDA_HOME will name."""

    steps: tuple[Step, ...]
    decision: ToolkitDecision


def plan_toolkit(
    facts: MachineFacts, decision: ToolkitDecision, wish: ToolkitWish, *, done: Collection[str] = ()
) -> SystemToolkit:
    """Plan `cuda_toolkit.source: system`; other sources come back as they are, without steps.

    `done` are the ids of steps that the plan has already. Raises RefusedError: toolkit-by-hand, system-unknown,
    toolkit-not-offered, cudnn-not-offered.
    """
    if decision.source != "system" or decision.version is None:
        return SystemToolkit(steps=(), decision=decision)
    refuse_toolkit(facts)
    recipe, offer = _choose(facts, decision.version)
    major, minor, *_ = (*decision.version.split("."), "0")
    filling = filling_for(facts, recipe, toolkit=f"{major}-{minor}", cuda=f"{major}.{minor}", cuda_major=major)
    filling = Filling(
        facts=facts, recipe=recipe, values=filling.values, holds=filling.holds, components=recipe.components
    )
    path = filling.text(offer.path)
    packages = (*filling.texts(offer.packages), *(_cudnn(facts, recipe, offer, filling) if wish.cudnn else ()))
    step = InstallSystemPackages(
        id="cuda-toolkit",
        summary=tr("Install the CUDA toolkit {version} from {title}", version=decision.version, title=tr(recipe.title)),
        why=tr("You asked for one from the system's packages; this one brings no kernel module, and needs no restart."),
        manager=recipe.manager,
        packages=packages,
        commands=(filling.download((*offer.words, *packages)), filling.install((*offer.words, *packages))),
        undo_commands=(filling.take_back(name.partition("=")[0] for name in packages),),
    )
    before = tuple(found for found in steps_of(offer.parts, filling) if found.id not in done)
    return SystemToolkit(
        steps=(*before, step), decision=ToolkitDecision(source="system", version=decision.version, path=path)
    )


def _choose(facts: MachineFacts, version: str) -> tuple[Recipe, ToolkitOffer]:
    recipes = recipes_for(facts)
    if not recipes:
        raise unknown_system(facts)
    offers = [(recipe, recipe.toolkit) for recipe in recipes if recipe.toolkit]
    # A source with one version only is smaller and the system's own: it is taken where that is the version.
    for recipe, offer in sorted(offers, key=lambda found: found[1].only is None):
        if offer.only in (None, version) and not _second_driver(facts, recipe, offer):
            return recipe, offer
    held = tuple(
        tr(
            "{title} has {version}, with libraries of a driver that would stand beside the one here",
            title=tr(recipe.title),
            version=offer.only,
        )
        if offer.only == version
        else tr("{title} has {version}", title=tr(recipe.title), version=offer.only)
        for recipe, offer in offers
    )
    raise RefusedError(
        tr("No source for this system has the CUDA toolkit {version} as packages.", version=version),
        code="toolkit-not-offered",
        evidence=held
        or (
            tr(
                "none for {system} {version} on {arch}",
                system=facts.os.id,
                version=facts.os.version or "",
                arch=facts.os.arch,
            ),
        ),
        hint=tr(_OTHER_WAYS),
    )


def _second_driver(facts: MachineFacts, recipe: Recipe, offer: ToolkitOffer) -> bool:
    """Tell whether the libraries that come along would stand beside those of a driver from elsewhere."""
    if not offer.same_driver_only:
        return False
    elsewhere = is_installed(facts.nvidia) and facts.nvidia is not None and facts.nvidia.origin != recipe.origin
    return elsewhere or facts.context.container is not None


def _cudnn(facts: MachineFacts, recipe: Recipe, offer: ToolkitOffer, filling: Filling) -> tuple[str, ...]:
    old = any(_before_turing(gpu.pci_id, gpu.compute_capability) for gpu in facts.gpus if gpu.vendor == "nvidia")
    packages = offer.cudnn_before_turing if old else offer.cudnn
    if not packages:
        older = tr(" for GPUs before Turing (9.10.2 is the last that is known to serve them)") if old else ""
        raise RefusedError(
            tr("{title} has no cuDNN{older} that torchup knows of.", title=tr(recipe.title), older=older),
            code="cudnn-not-offered",
            hint=tr("Set cuda_toolkit.cudnn to false: PyTorch's wheels bring their own cuDNN."),
        )
    return filling.texts(packages)


def _before_turing(pci_id: str | None, capability: str | None) -> bool:
    match = chip_by_pci_id(pci_id) if pci_id else None
    if match:
        return match.chip.architecture in _BEFORE_TURING
    major, _, minor = (capability or "").partition(".")
    return major.isdecimal() and minor.isdecimal() and (int(major), int(minor)) < (7, 5)
