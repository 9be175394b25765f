"""The wheels of one index, and the pages that list them."""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self
from urllib.parse import quote

from support.stub_wheels import StubWheel, stub_wheel


class Host(Protocol):
    """The server that a shelf stands in."""

    files: dict[str, bytes]

    def url(self, path: str = "") -> str: ...


@dataclass
class Shelf:
    """The wheels of one index, or of one variant of the PyTorch layout, or of one flat page."""

    index: Host = field(repr=False)
    path: str
    style: str
    wheels: list[tuple[StubWheel, dict[str, Any]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The URL to give to an installer."""
        return self.index.url(self.path)

    def add(
        self,
        project: str,
        version: str,
        *,
        tags: tuple[str, str, str] | None = None,
        requires: Iterable[str] = (),
        requires_python: str | None = None,
        files: Mapping[str, str] | None = None,
        yanked: str | None = None,
        sha256: str | None = None,
    ) -> Self:
        """Add a stub wheel; `sha256` replaces the right digest, for tests of a wrong one."""
        wheel = stub_wheel(project, version, tags=tags, requires=requires, requires_python=requires_python, files=files)
        return self.put(wheel, yanked=yanked, sha256=sha256)

    def put(self, wheel: StubWheel, *, yanked: str | None = None, sha256: str | None = None) -> Self:
        """Add a wheel that was built before."""
        self.wheels.append((wheel, {"yanked": yanked, "sha256": sha256 or wheel.sha256}))
        self.index.files[f"{self._folder}/{wheel.filename}"] = wheel.content
        self.index.files[f"{self._folder}/{wheel.filename}.metadata"] = wheel.metadata
        return self

    @property
    def _folder(self) -> str:
        return f"/{self.path}" if self.style == "pytorch" else f"/files/{self.path}"

    def of(self, project: str) -> list[tuple[StubWheel, dict[str, Any]]]:
        return [entry for entry in self.wheels if normal(entry[0].project) == project]

    def projects(self) -> list[str]:
        return sorted({normal(wheel.project) for wheel, _ in self.wheels})

    def html(self, project: str | None = None) -> bytes:
        """Write the page of one project, or of all."""
        lines = ["<!DOCTYPE html>", "<html><body>", f"<h1>Links for {project}</h1>" if project else ""]
        for wheel, told in self.of(project) if project else self.wheels:
            lines.append(self._anchor(wheel, told))
        return "\n".join([*lines, "</body></html>", ""]).encode()

    def json(self, project: str) -> bytes:
        """Write the JSON page of one project."""
        files = [
            {
                "filename": wheel.filename,
                "url": f"{self._folder}/{quote(wheel.filename)}",
                "hashes": {"sha256": told["sha256"]},
                "requires-python": wheel.requires_python,
                "size": len(wheel.content),
                "yanked": told["yanked"] if told["yanked"] is not None else False,
                "core-metadata": {"sha256": hashlib.sha256(wheel.metadata).hexdigest()},
            }
            for wheel, told in self.of(project)
        ]
        return json.dumps({"meta": {"api-version": "1.1"}, "name": project, "files": files}).encode()

    def _anchor(self, wheel: StubWheel, told: dict[str, Any]) -> str:
        url = f"{self._folder}/{quote(wheel.filename)}#sha256={told['sha256']}"
        digest = f"sha256={hashlib.sha256(wheel.metadata).hexdigest()}"
        extra = f' data-core-metadata="{digest}" data-dist-info-metadata="{digest}"'
        if wheel.requires_python:
            extra += f' data-requires-python="{html.escape(wheel.requires_python)}"'
        if told["yanked"] is not None:
            extra += f' data-yanked="{html.escape(told["yanked"])}"'
        return f'<a href="{url}"{extra}>{wheel.filename}</a><br/>'


def normal(project: str) -> str:
    return re.sub(r"[-_.]+", "-", project).lower()
