"""What a plan was made from, as digests, and whether that still holds."""

from __future__ import annotations

from dataclasses import replace

from torchup.errors import RefusedError
from torchup.model.facts import MachineFacts, Shells, Space
from torchup.model.plan import Plan
from torchup.model.request import Request
from torchup.model.serial import digest
from torchup.words import tr


def facts_digest(facts: MachineFacts) -> str:
    """Digest the facts that a plan depends on.

    Left out is what changes by itself or by the plan's own steps: free space, the torch found, start-up
    files (each step knows the bytes that it expects), the Pythons in environments, the package sources, the
    variables of the shell, findings.
    """
    lasting = replace(
        facts,
        space=Space(),
        torch=(),
        shells=Shells(login=facts.shells.login),
        pythons=tuple(python for python in facts.pythons if python.kind not in ("venv", "conda")),
        apt_sources=(),
        toolkits=tuple(toolkit for toolkit in facts.toolkits if toolkit.source not in ("pip", "conda", "env")),
        environment={},
        findings=(),
    )
    return digest(lasting)


def request_digest(request: Request) -> str:
    """Digest what was wished for, wherever each value came from."""
    return digest(replace(request, origins={}, ask=()))


def require_fresh(plan: Plan, *, facts: MachineFacts, request: Request | None = None) -> None:
    """Refuse a plan that was made for other facts or other answers; raises RefusedError, code plan-stale."""
    stale = []
    if plan.facts_digest != facts_digest(facts):
        stale.append(tr("the machine is not as it was, or another one"))
    if request is not None and plan.request_digest != request_digest(request):
        stale.append(tr("the answers are not those that the plan was made from"))
    if stale:
        raise RefusedError(
            tr("This plan does not hold any more: {stale}.", stale=tr(" and ").join(stale)),
            code="plan-stale",
            hint=tr("Make a new plan: `torchup setup --dry-run --json` with the same answers."),
        )
