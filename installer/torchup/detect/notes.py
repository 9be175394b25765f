"""The findings that probes leave behind while they read."""

from __future__ import annotations

from torchup.model.facts import Finding
from torchup.tokens import without_tokens

_LONGEST_EVIDENCE = 400


class Notes:
    """An ordered list of findings without repetitions."""

    def __init__(self) -> None:
        self._findings: dict[tuple[str, str, str | None], Finding] = {}

    def add(self, code: str, text: str, evidence: str | None = None) -> None:
        """Note something odd or unknown; `code` is stable kebab-case, `text` one sentence, `evidence` what shows it."""
        if evidence is not None:
            evidence = without_tokens(" ".join(evidence.split()))
            if len(evidence) > _LONGEST_EVIDENCE:
                evidence = evidence[: _LONGEST_EVIDENCE - 3] + "..."
        self._findings.setdefault((code, text, evidence), Finding(code=code, text=text, evidence=evidence or None))

    def codes(self) -> set[str]:
        """Give the codes noted so far."""
        return {finding.code for finding in self._findings.values()}

    def findings(self) -> tuple[Finding, ...]:
        """Everything noted, in the order in which it was found."""
        return tuple(self._findings.values())
