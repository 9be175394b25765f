"""YAML or JSON text to plain data that remembers where everything stood and how it was written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from torchup.answers.files import TextError, decode
from torchup.answers.problems import Located
from torchup.model.quick import dataclass
from torchup.model.serial import PathKey, Problem, dotted
from torchup.words import tr

if TYPE_CHECKING:
    from torchup.answers.yaml_tree import Node

Path = tuple[PathKey, ...]


@dataclass(slots=True, kw_only=True)
class Document:
    """The plain data of one file.

    `problems` are those of the text itself: syntax, duplicate keys, tags that are not read. With a problem
    in it, `data` holds what could be read, or None.
    """

    data: Any = None
    empty: bool = False
    problems: list[Located] = field(default_factory=list)
    text: str = ""
    nodes: dict[Path, Node] | None = None
    keys: dict[Path, Node] = field(default_factory=dict)

    def position(self, path: Sequence[PathKey]) -> tuple[int, int]:
        """Give line and column, from 1, of the value at `path`, or of the nearest value around it."""
        nodes = self._placed()
        for length in range(len(path), -1, -1):
            node = nodes.get(tuple(path[:length]))
            if node is not None:
                return node.line, node.column
        return 1, 1

    def key_position(self, path: Sequence[PathKey]) -> tuple[int, int]:
        """Give line and column of the key that leads to `path`."""
        self._placed()
        node = self.keys.get(tuple(path))
        return (node.line, node.column) if node else self.position(path)

    def written(self, path: Sequence[PathKey]) -> str | None:
        """Give the text of an unquoted value that YAML reads as a number, truth value, or null, as it was written."""
        node = self._placed().get(tuple(path))
        return node.text if node is not None and node.tag in ("int", "float", "bool", "null") else None

    def value(self, path: Sequence[PathKey]) -> Any:
        """Give the value at `path`, which must exist."""
        value = self.data
        for step in path:
            value = value[step]
        return value

    def locate(self, problem: Problem, *, at_key: bool = False) -> Located:
        """Put a problem of the data at its place in the file."""
        line, column = self.key_position(problem.path) if at_key else self.position(problem.path)
        return Located(line, column, dotted(problem.path), problem.text)

    def _placed(self) -> dict[Path, Node]:
        if self.nodes is None:
            self.nodes = {}
            self._place_json()
        return self.nodes

    def _place_json(self) -> None:
        """Find the places of JSON by reading it as YAML, which is only worth it once something is wrong."""
        from torchup.answers.yaml_tree import YamlTextError, compose

        try:
            # Tabs are white space in JSON and an error in YAML; inside JSON strings they cannot occur.
            root = compose(self.text.replace("\t", " "))
        except YamlTextError:
            return
        if root is not None:
            _Reader(self).read(root)


def parse_document(content: bytes, *, json_first: bool = False) -> Document:
    """Read one YAML document; with `json_first`, JSON is tried before, which is many times as fast.

    Never raises: what is wrong with the text is in the document's `problems`.
    """
    document = Document()
    try:
        document.text = decode(content)
    except TextError as error:
        document.problems.append(error.problem)
        return document
    if json_first and _read_json(document):
        return document
    from torchup.answers.yaml_tree import YamlTextError, compose

    document.nodes = {}
    try:
        root = compose(document.text)
    except YamlTextError as error:
        document.problems.append(error.problem)
        return document
    if root is None:
        document.empty = True
        return document
    reader = _Reader(document)
    document.data = reader.read(root)
    document.problems += reader.problems
    return document


def _read_json(document: Document) -> bool:
    """Read the text as JSON if it is that, and without a key that comes twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        mapping = dict(pairs)
        if len(mapping) < len(pairs):
            raise ValueError("a key comes twice")
        return mapping

    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is not JSON")

    try:
        document.data = json.loads(document.text, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError):  # YAML reads it again, and says where it goes wrong
        return False
    return True


class _Reader:
    """Turns nodes into data, and notes the place of every value and key."""

    def __init__(self, document: Document) -> None:
        self._nodes = document.nodes if document.nodes is not None else {}
        self._keys = document.keys
        self.problems: list[Located] = []

    def read(self, node: Node, path: Path = ()) -> Any:
        self._nodes[path] = node
        if node.tag == "map":
            return self._mapping(node, path)
        if node.tag == "seq":
            return [self.read(child, (*path, index)) for index, child in enumerate(node.children)]
        if node.children or node.tag not in _SCALARS:
            self._problem(node, path, tr("the tag {tag!r} is not read here", tag=node.tag))
            return None
        try:
            return _scalar(node)
        except (ValueError, OverflowError):
            self._problem(node, path, tr("{text!r} is no value that YAML can read", text=node.text))
            return None

    def _mapping(self, node: Node, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in zip(node.children[::2], node.children[1::2], strict=True):
            if key.children or key.tag in ("map", "seq"):
                self._problem(key, path, tr("a key must be a word"))
                continue
            name = key.text
            inner = (*path, name)
            if key.tag == "merge":
                self._problem(key, path, tr("merge keys (<<) are not read here; write the keys out"))
            elif name in mapping:
                self._problem(key, inner, tr("this key is already in line {line}", line=lines[name]))
            else:
                self._keys[inner] = key
                lines[name] = key.line
                mapping[name] = self.read(value, inner)
        return mapping

    def _problem(self, node: Node, path: Path, text: str) -> None:
        self.problems.append(Located(node.line, node.column, dotted(path), text))


# What other programs that read the same file hold in an integer; Python would not even print much larger ones.
LARGEST_INTEGER = 2**63 - 1

# Dates are texts here: no key wants one.
_SCALARS = frozenset({"str", "int", "float", "bool", "null", "timestamp", "value", "merge"})


def _scalar(node: Node) -> Any:
    import yaml

    if node.tag in ("str", "timestamp", "value", "merge"):
        return node.text
    if node.tag == "null":
        return None
    plain = yaml.ScalarNode(f"tag:yaml.org,2002:{node.tag}", node.text)
    constructor = yaml.constructor.SafeConstructor()
    construct = {
        "int": constructor.construct_yaml_int,
        "float": constructor.construct_yaml_float,
        "bool": constructor.construct_yaml_bool,
    }[node.tag]
    try:
        value = construct(plain)
    except KeyError as error:  # `!!bool maybe`
        raise ValueError(node.text) from error
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise ValueError(node.text)
    return value
