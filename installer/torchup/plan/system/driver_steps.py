"""The driver's part of a plan: from the decision to repositories, pin, packages, key, restart and check."""

from __future__ import annotations

from dataclasses import dataclass

from torchup.knowledge.recipes import Offer, Recipe, newer_driver_packages
from torchup.model.facts import MachineFacts
from torchup.model.plan import CheckDriver, Command, InstallSystemPackages, Reboot, Step, WriteFile
from torchup.model.resolution import DriverDecision
from torchup.plan.system.choice import choose_recipe
from torchup.plan.system.filling import Filling, filling_for, steps_of
from torchup.plan.system.refusals import refuse_driver
from torchup.plan.system.removal import removal, replaced
from torchup.plan.system.secure_boot import enrolment, signed_by_vendor
from torchup.words import tr

NOUVEAU = "/etc/modprobe.d/torchup-nouveau.conf"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverPlan:
    """The steps up to a working driver, and what to tell about them; `recipe` is None where nothing is installed."""

    steps: tuple[Step, ...] = ()
    warnings: tuple[str, ...] = ()
    recipe: Recipe | None = None


def plan_driver(facts: MachineFacts, driver: DriverDecision) -> DriverPlan:
    """Plan what was decided about the driver; an empty plan where it is kept or there is none.

    Raises RefusedError as `choose_recipe`, `removal`, `enrolment` and `Filling.text` do.
    """
    match driver.action:
        case "install" | "upgrade":
            return _install(facts, driver)
        case "reboot":
            refuse_driver(facts)
            return DriverPlan(
                steps=_restart(driver, _installed_branch(driver), tr("It loads the module that belongs to the driver."))
            )
        case _:
            return DriverPlan()


def _install(facts: MachineFacts, driver: DriverDecision) -> DriverPlan:
    recipe, offer = choose_recipe(facts, driver)
    signed = bool(facts.context.secure_boot) and signed_by_vendor(facts, recipe, offer)
    holds = {offer.module, *(["secure-boot"] if facts.context.secure_boot else [])}
    filling = filling_for(
        facts,
        recipe,
        holds=holds,
        branch=str(offer.branch),
        next=str(offer.branch + 1),
        newer="\n".join(newer_driver_packages(offer.branch)),
        open="-open" if offer.module == "open" else "",
        stream="open" if offer.module == "open" else "dkms",
    )
    filling = Filling(
        facts=facts,
        recipe=recipe,
        values=filling.values,
        holds=filling.holds,
        components=(*recipe.components, *offer.components),
    )
    key = enrolment(facts, recipe, offer)
    steps = (
        *steps_of(recipe.parts, filling),
        *_against_nouveau(facts),
        _packages(facts, offer, filling, signed=signed, mokutil=bool(key)),
        *key,
        *_restart(
            driver, "" if offer.moves_on else str(offer.branch), tr("The new module is loaded at the next start.")
        ),
    )
    return DriverPlan(steps=steps, warnings=_warnings(facts, offer, filling, signed=signed), recipe=recipe)


def _packages(
    facts: MachineFacts, offer: Offer, filling: Filling, *, signed: bool, mokutil: bool
) -> InstallSystemPackages:
    recipe = filling.recipe
    around = filling.texts(recipe.signed_modules if signed else recipe.headers)
    around = (*around, *(("mokutil",) if mokutil else ()))
    named = filling.texts(offer.packages)
    plain = tuple(name.partition("<")[0] for name in named)
    gone = removal(facts.nvidia, filling)
    blacklisted = facts.nvidia is not None and facts.nvidia.state == "nouveau"
    source = replaced(facts.nvidia, filling)
    first = (
        tr(
            " The driver from {source} goes first: two would break each other. `torchup undo` does not bring it back.",
            source=source,
        )
        if source
        else ""
    )
    words = {"branch": offer.branch, "module": offer.module, "title": tr(recipe.title), "first": first}
    return InstallSystemPackages(
        id="driver",
        summary=tr("Install the NVIDIA driver, branch {branch} or newer, from {title}", **words)
        if offer.moves_on
        else tr("Install the NVIDIA driver, branch {branch}, from {title}", **words),
        why=tr("This branch serves the GPUs, with the {module} kernel module ready and signed.{first}", **words)
        if signed
        else tr("This branch serves the GPUs, with the {module} kernel module built for this kernel.{first}", **words),
        manager=recipe.manager,
        packages=(*around, *((f"{name}={offer.branch}.*" for name in plain) if recipe.versioned else plain)),
        commands=(
            # What cannot be fetched is known before anything that works is taken away.
            filling.download((*around, *named), exchange=True),
            *gone,
            filling.install((*around, *named), exchange=True),
            *(filling.command(words) for words in recipe.after),
            *((filling.command(filling.manager.initramfs),) if blacklisted else ()),
        ),
        undo_commands=(filling.take_back(plain),),
    )


def _against_nouveau(facts: MachineFacts) -> tuple[Step, ...]:
    if facts.nvidia is None or facts.nvidia.state != "nouveau":
        return ()
    return (
        WriteFile(
            id="driver-nouveau",
            summary=tr("Keep nouveau from taking the GPU at the next start"),
            why=tr("One driver holds a card at a time, and nouveau has no CUDA."),
            privilege="root",
            path=NOUVEAU,
            content="# Written by torchup: the NVIDIA driver serves the GPU.\nblacklist nouveau\noptions nouveau modeset=0\n",
        ),
    )


def _restart(driver: DriverDecision, branch: str, why: str) -> tuple[Step, ...]:
    module = driver.module
    words = [tr("branch {branch}", branch=branch)] if branch else []
    words += [tr("the {module} kernel module", module=module)] if module else []
    return (
        Reboot(
            id="restart",
            summary=tr("Restart the machine"),
            why=tr("Restart the machine when torchup says so. {why} Then `torchup resume` goes on.", why=why),
        ),
        CheckDriver(
            id="driver-check",
            summary=tr("See that the NVIDIA driver is loaded: {words}", words=", ".join(words))
            if words
            else tr("See that the NVIDIA driver is loaded"),
            why=tr("What follows needs it, and only the kernel knows which one it really runs."),
            branch=branch,
            module=module,
            minimum=driver.minimum,
            commands=(Command(argv=("cat", "/proc/driver/nvidia/version")), Command(argv=("nvidia-smi",))),
        ),
    )


def _installed_branch(driver: DriverDecision) -> str:
    return (driver.installed or "").partition(".")[0]


def _warnings(facts: MachineFacts, offer: Offer, filling: Filling, *, signed: bool) -> tuple[str, ...]:
    recipe = filling.recipe
    found: list[str] = []
    if facts.context.secure_boot is None:
        found.append(tr("Whether Secure Boot is on is not known; if it is, the driver's module has to be signed."))
    if offer.moves_on:
        found.append(
            tr(
                "The driver from {title} follows the newest branch: an upgrade can leave an old card behind.",
                title=tr(recipe.title),
            )
        )
    if recipe.manager == "pacman":
        found.append(tr("pacman upgrades the whole system with it: Arch supports nothing less."))
    if signed:
        found.append(
            tr("The signed modules follow Ubuntu's kernels; a kernel that is newer than they are has none yet.")
        )
    found += [
        tr("Not confirmed by a source: {claim}.", claim=tr(text)) for text in (*recipe.unconfirmed, *offer.unconfirmed)
    ]
    return tuple(found)
