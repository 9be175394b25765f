"""Take out of a report what belongs to a person or identifies a machine, so that it may be attached to a ticket."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from torchup.tokens import HIDDEN, without_tokens

# Names that identify nobody, and that reports need as words.
_PLAIN_NAMES = frozenset(
    {
        *("root", "user", "ubuntu", "debian", "admin", "guest", "test", "nobody", "app", "dev", "home", "localhost"),
        *("torch", "python", "cuda", "gpu", "conda", "pass", "fail", "warn", "skip", "error", "cpu", "build", "import"),
        *("jovyan", "vscode", "runner", "ec2-user", "azureuser", "docker", "nvidia", "amd", "intel", "apple", "linux"),
    }
)
_SHORTEST_NAME = 3
# How a sentence of the tensor test is written down (`torchup.words.retell`).
_SENTENCE = {"text", "values"}
_UUID = re.compile(r"(?i)\b(?:(GPU|MIG)-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_GPU_ID = re.compile(r"\b(GPU|MIG)-[0-9a-fA-F][0-9a-fA-F-]{3,}\b")
_SERIAL = re.compile(r"(?i)\b((?:serial(?:[ _-]?(?:number|no\.?))?|S/N)\s*[:=#]\s*)[\"']?[\w-]+")
_MAC = re.compile(r"(?i)\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)")
_IPV6 = re.compile(r"(?i)(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?:%\w+)?(?![\w:])")
# cuDNN and other wheels of NVIDIA have versions of four numbers.
_VERSION_BEFORE = re.compile(r"(?i)(?:nvidia[-_][\w-]+|cudnn\w*|cusparselt|nccl|version)[\s=<>~!:'\"(-]*$|[=<>~!]=\s*$")
_HOMES = re.compile(r"(?i)(/home/|/Users/|[A-Z]:\\Users\\)(?!<user>)([^/\\\s:;,'\"<>|]+)")
_SHARED_HOMES = frozenset({"shared", "public", "default"})
_SECRET_NAME = re.compile(r"(?i)(?<!tik)token(?!iz)|password|passwd|secret|credential|api_?key|access_?key")
_SERIAL_KEY = re.compile(r"(?i)serial|(?<!<)uuid")
_PACKAGE_KEY = re.compile(r"(?i)nvidia[-_]|cudnn|version")
_KEPT_ADDRESSES = frozenset({"127.0.0.1", "0.0.0.0", "::1", "::"})  # noqa: S104 - these are nobody's


@dataclass(frozen=True, slots=True, kw_only=True)
class Scrubber:
    """What is known about the person and the machine; `homes` are the home as written and with links followed.

    With `only_secrets` names, addresses and paths stay.
    """

    only_secrets: bool = False
    homes: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    _words: tuple[tuple[re.Pattern[str], str], ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        """Prepare the expressions; longer names come first, so that no part of one is left."""
        pairs = [*_as_words(self.users, "<user>"), *_as_words(self._host_names(), "<host>")]
        object.__setattr__(self, "_words", tuple(sorted(pairs, key=lambda pair: -len(pair[0].pattern))))

    def _host_names(self) -> Iterable[str]:
        for host in self.hosts:
            yield host
            yield host.partition(".")[0]

    def scrub(self, value: Any, key: str = "") -> Any:
        """Scrub every text in plain data, keys included; numbers stay."""
        if isinstance(value, dict) and value.keys() == _SENTENCE and isinstance(value["values"], dict):
            # A template with fields is of the tensor test's source. Scrubbed, no catalogue would know it.
            parts = {name: self.scrub(part, name) for name, part in value["values"].items()}
            return {"text": value["text"] if parts else self.text(value["text"]), "values": parts}
        if isinstance(value, dict):
            return {self.text(str(name)): self.scrub(item, str(name)) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.scrub(item, key) for item in value]
        if not isinstance(value, str):
            return value
        if key and value and (_SECRET_NAME.search(key) or (not self.only_secrets and _SERIAL_KEY.search(key))):
            return HIDDEN
        return self.text(value, is_version=bool(_PACKAGE_KEY.search(key)))

    def text(self, text: str, *, is_version: bool = False) -> str:
        """Scrub one text; a text that is a package's version keeps its four numbers."""
        text = without_tokens(text)
        if self.only_secrets:
            return text
        for home in sorted(self.homes, key=len, reverse=True):
            if len(home) > 1:
                text = re.sub(rf"{re.escape(home.rstrip('/'))}(?![\w.-])", "~", text)
        text = _HOMES.sub(lambda match: match[0] if match[2].lower() in _SHARED_HOMES else f"{match[1]}<user>", text)
        text = _UUID.sub(lambda match: f"{match[1]}-..." if match[1] else "<uuid>", text)
        text = _GPU_ID.sub(r"\1-...", text)
        text = _SERIAL.sub(rf"\1{HIDDEN}", text)
        text = _MAC.sub("<mac>", text)
        if not is_version:
            text = _IPV4.sub(lambda match: _address(match, text), text)
        text = _IPV6.sub(lambda match: _address(match, text), text)
        for expression, stand_in in self._words:
            text = expression.sub(stand_in, text)
        return text


def _as_words(names: Iterable[str], stand_in: str) -> list[tuple[re.Pattern[str], str]]:
    return [
        (re.compile(rf"(?i)(?<![^\W_]){re.escape(name)}(?![^\W_])"), stand_in)
        for name in dict.fromkeys(names)
        if len(name) >= _SHORTEST_NAME and name.lower() not in _PLAIN_NAMES
    ]


def _address(match: re.Match[str], text: str) -> str:
    found = match[0]
    try:
        ipaddress.ip_address(found.partition("%")[0])
    except ValueError:
        return found
    if found in _KEPT_ADDRESSES or _VERSION_BEFORE.search(text[: match.start()]):
        return found
    return "<address>"
