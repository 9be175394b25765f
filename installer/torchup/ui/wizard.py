"""The wizard: shows what was found, asks what is open, and ends with a review that must be confirmed.

It changes nothing. It turns a request into another one, and everything it needs comes in: the way to resolve,
the text of the review, the back-end that asks, and the way to print.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torchup.answers.summary import machine_summary
from torchup.model.facts import MachineFacts
from torchup.model.request import Request
from torchup.ui.ask.guard import interrupts_remembered, terminal_kept
from torchup.ui.ask.prompt import Asker, Attentive
from torchup.ui.interview import Interview, Resolve, Say
from torchup.ui.wizard_review import Danger, Review, ReviewText, confirmed
from torchup.words import tr

__all__ = ["Danger", "Review", "ReviewText", "run_wizard"]


def run_wizard(
    *,
    facts: MachineFacts,
    request: Request,
    resolve: Resolve,
    review: Review,
    asker: Asker,
    say: Say,
    found: Sequence[object] | None = None,
    stopped: Callable[[Request], object] = lambda _request: None,
) -> Request:
    """Ask, review, and give the request that the person confirmed.

    Keys that already have an origin are not asked again, unless `request.ask` names their section. `found` is
    printed first, in place of a short summary of the facts. A person who quits gets InterruptError (exit 130);
    `stopped` is called before that with the answers so far. Other signals end the program as they always do,
    with the terminal restored.
    """
    with terminal_kept(drawn=asker.draws), interrupts_remembered() as check:
        for line in machine_summary(facts) if found is None else found:
            say(line)
        say("")
        say(tr("Enter takes the recommended answer. Nothing is changed before you confirm it at the end."))
        interview = Interview(
            facts=facts, given=request, resolve=resolve, asker=Attentive(asker, check), say=say, stopped=stopped
        )
        try:
            while True:
                interview.ask_what_is_due()
                if confirmed(interview, review):
                    return interview.request
        except KeyboardInterrupt:  # Ctrl-C between two prompts, where the terminal makes a signal of it
            interview.quit()
