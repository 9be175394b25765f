"""Which recipe brings the driver that was decided on: the first source that holds its branch with its module."""

from __future__ import annotations

from torchup.errors import RefusedError
from torchup.knowledge.recipes import Offer, Recipe, recipes_for
from torchup.model.facts import MachineFacts
from torchup.model.resolution import DriverDecision
from torchup.plan.system.refusals import refuse_driver, unknown_system
from torchup.words import tr


def choose_recipe(facts: MachineFacts, driver: DriverDecision) -> tuple[Recipe, Offer]:
    """Choose the source of the driver, the one that the installed driver comes from first.

    Raises RefusedError where the system is not one to install a driver on (see `refuse_driver`), no recipe is about
    it (`system-unknown`), or no source of it holds that branch (`driver-not-offered`).
    """
    refuse_driver(facts)
    recipes = recipes_for(facts)
    if not recipes:
        raise unknown_system(facts)
    origin = facts.nvidia.origin if facts.nvidia else None
    if driver.branch and driver.module:
        for recipe in sorted(recipes, key=lambda recipe: recipe.origin != origin):
            if offer := recipe.offer(int(driver.branch), driver.module):
                return recipe, offer
    held = [
        tr("{source} holds {branches}.", source=_capital(tr(recipe.title)), branches=_held(recipe))
        for recipe in recipes
        if recipe.offers
    ]
    raise RefusedError(
        tr(
            "No source for this system holds driver branch {branch} with the {module} kernel module.",
            branch=driver.branch or "?",
            module=driver.module or "?",
        ),
        code="driver-not-offered",
        evidence=tuple(held),
        hint=tr(
            "Name another branch in driver.branch if the GPUs allow one, or install the driver by hand, restart, and run torchup again."
        ),
    )


def _held(recipe: Recipe) -> str:
    branches: dict[int, list[str]] = {}
    for offer in recipe.offers:
        branches.setdefault(offer.branch, []).append(offer.module)
    either = tr(" or ")
    return ", ".join(f"{branch} ({either.join(modules)})" for branch, modules in sorted(branches.items()))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
