"""Secrets that are known by their shape, taken out of whatever is logged, reported or printed as an error.

What torchup was given as a secret is hidden by its value (`torchup.apply.redact`). This is for all others: those in
other programs' output, in a pasted log, in a line of a start-up file. A row is a shape; adding one is adding a row
and its example to the test. Names, versions, hashes and paths have none of these shapes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HIDDEN = "****"

_NAME = (
    r"(?:[\w.-]*(?:passw(?:or)?d|passphrase|secret|credential|api[_-]?key|access[_-]?key|private[_-]?key)s?"
    r"|[\w.-]*(?<!tik)token)"
)
_VALUE = r"""(?:"[^"\n]*"|'[^'\n]*'|[^\s"',;&)\]}>]+)"""


class Shape(NamedTuple):
    """One kind of secret. A text that has none of `signs` (in lower case) is not searched; group 1 is what stays."""

    name: str
    signs: tuple[str, ...]
    pattern: re.Pattern[str]


def _shape(name: str, signs: str, pattern: str, flags: int = 0) -> Shape:
    return Shape(name, tuple(signs.split()), re.compile(pattern, flags))


SHAPES: tuple[Shape, ...] = (
    _shape("private key", "-----begin", r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[\s\S]*?-----END [A-Z ]*-----|[\s\S]*)"),
    _shape("login in a URL", "://", r"(?<=://)[^/\s'\"<>]+(?=@)"),
    _shape("argument of a URL", "sig= signature= token= key= password= passwd= secret= credential=",
           r"([?&;](?:[\w.-]*(?:token|key|signature|credential)|sig|password|passwd|secret)=)[^&\s'\"#]+", re.IGNORECASE),
    _shape("conda channel", "/t/", r"(?<=/t/)[A-Za-z0-9-]{8,}(?=/)"),
    _shape("Slack hook", "hooks.slack.com", r"(hooks\.slack\.com/(?:services|workflows)/)[\w/+-]+"),
    _shape("header", "authorization",
           r"""(\b(?:proxy-)?authorization["']?\s*[:=]\s*["']?)(?:(?:bearer|basic|token|digest|negotiate)\s+)?[^\s"',]+""",
           re.IGNORECASE),
    _shape("cookie", "cookie", r"""(\b(?:set-)?cookie["']?\s*:\s*["']?)[^\s"',][^\n"']*""", re.IGNORECASE),
    _shape("netrc", "login", r"(\blogin\s+\S+\s+(?:account\s+\S+\s+)?password\s+)" + _VALUE),
    _shape("bearer", "bearer basic", r"\b((?:bearer|basic)\s+)(?=[A-Za-z+/_.~-]*[\d=])[A-Za-z0-9+/=_.~-]{8,}", re.IGNORECASE),
    _shape("Hugging Face", "hf_ api_org_", r"(?<![A-Za-z0-9])(?:hf|api_org)_[A-Za-z0-9]{20,}"),
    _shape("GitHub", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
           r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})"),
    _shape("GitLab", "gl", r"(?<![A-Za-z0-9])gl(?:pat|dt|rt|oas|ptt|agent|soat|ft|cbt|imt|ffct)-[\w.=-]{20,}"),
    _shape("OpenAI, Anthropic", "sk-", r"(?<![A-Za-z0-9-])sk-(?=[A-Za-z_-]*\d)[\w-]{16,}"),
    _shape("Stripe", "k_live_ k_test_", r"(?<![A-Za-z0-9])[srp]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    _shape("AWS", "akia asia abia acca", r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _shape("Google", "aiza ya29.", r"(?<![A-Za-z0-9])(?:AIza[\w-]{35}|ya29\.[\w-]{20,})"),
    _shape("JSON Web Token", "eyj", r"(?<![A-Za-z0-9])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"),
    _shape("Slack", "xox xapp-", r"(?<![A-Za-z0-9])(?:xox[a-z]|xapp)-[A-Za-z0-9-]{10,}"),
    _shape("npm", "npm_", r"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{30,}"),
    _shape("package index", "pypi-ag", r"(?<![A-Za-z0-9])pypi-Ag[\w-]{16,}"),
    _shape("NVIDIA", "nvapi-", r"(?<![A-Za-z0-9])nvapi-[\w-]{16,}"),
    _shape("Docker", "dckr_", r"(?<![A-Za-z0-9])dckr_[a-z]+_[\w-]{16,}"),
    _shape("Databricks", "dapi", r"(?<![A-Za-z0-9])dapi[0-9a-f]{32}"),
    _shape("DigitalOcean", "do", r"(?<![A-Za-z0-9])do[opr]_v1_[0-9a-f]{32,}"),
    _shape("Replicate, Groq, Tailscale", "r8_ gsk_ tskey-",
           r"(?<![A-Za-z0-9])(?:r8_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{30,}|tskey-[a-z]+-[\w-]{16,})"),
    _shape("option", "password token api-key secret", r"(--(?:password|token|api-key|secret)[= ])" + _VALUE),
    _shape("assignment", "passw passphrase secret credential key token",
           rf"""(\b{_NAME}["']?\s*(?::|=(?!=))\s*){_VALUE}""", re.IGNORECASE),
)  # fmt: skip


def without_tokens(text: str) -> str:
    """Hide every part of a text that has the shape of a secret; done twice, it changes nothing more."""
    lowered = text.lower()
    for shape in SHAPES:
        if any(sign in lowered for sign in shape.signs):
            text = shape.pattern.sub(_hide, text)
    return text


def _hide(found: re.Match[str]) -> str:
    kept = found[1] if found.re.groups else ""
    return found[0] if found[0].startswith(HIDDEN, len(kept)) else kept + HIDDEN
