"""Secure Boot: a module that was built here is signed with a key that a person has to let in at the next start."""

from __future__ import annotations

from torchup.errors import RefusedError
from torchup.knowledge.recipes import Offer, Recipe
from torchup.model.facts import MachineFacts
from torchup.model.plan import Command, EnrollKey, Step
from torchup.words import mark, tr

_SEEN = mark(
    "At the next start, before the system, a blue screen (MokManager) waits some seconds: press a key, choose Enroll MOK, Continue, Yes, type the one-time password, then Reboot. It shows on the machine's own console only. If it is missed, the system starts without the driver, and the key can be registered again."
)


def signed_by_vendor(facts: MachineFacts, recipe: Recipe, offer: Offer) -> bool:
    """Tell whether the source has this branch's modules ready and signed with a key that Secure Boot knows."""
    del facts
    return bool(recipe.signed_modules) and offer.branch in recipe.signed_branches


def enrolment(facts: MachineFacts, recipe: Recipe, offer: Offer) -> tuple[Step, ...]:
    """Give the step that registers the signing key, where Secure Boot is on and the module is built here.

    Raises RefusedError (`secure-boot-unsupported`) where the source has no key that signs what is built.
    """
    if not facts.context.secure_boot or signed_by_vendor(facts, recipe, offer):
        return ()
    if recipe.signing_key is None:
        raise RefusedError(
            tr("Secure Boot is on, and {title} signs no kernel module.", title=tr(recipe.title)),
            code="secure-boot-unsupported",
            hint=tr(
                "Sign the module with a key of your own, or switch Secure Boot off in the firmware; then run torchup again."
            ),
        )
    return (
        EnrollKey(
            id="driver-key",
            summary=tr("Register the key that signs the driver's module with Secure Boot"),
            why=" ".join((tr("Secure Boot is on, so the kernel takes only a signed module."), tr(_SEEN))),
            key_path=recipe.signing_key,
            commands=(Command(argv=("mokutil", "--import", recipe.signing_key)),),
            undo_commands=(Command(argv=("mokutil", "--delete", recipe.signing_key)),),
        ),
    )
