"""YAML text to a tree of nodes that know their place; bounded in depth and in what aliases expand to.

PyYAML scans and parses; the tree is built here from its events, because its composer follows nesting by
recursion without a limit and shares nodes behind aliases without counting them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field

import yaml

from torchup.answers.problems import Located
from torchup.model.quick import dataclass
from torchup.words import tr

DEEPEST = 20
MOST_NODES = 50_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER = yaml.resolver.Resolver()
_TOO_DEEP = "maximum nesting depth"


class YamlTextError(ValueError):
    """The text is not YAML that is read here; `problem` says where and why."""

    def __init__(self, problem: Located) -> None:
        super().__init__(problem.text)
        self.problem = problem


@dataclass(slots=True, kw_only=True)
class Node:
    """A scalar, list or mapping. `line` and `column` count from 1; `size` counts the nodes in it, aliases expanded.

    `text` is a scalar's text as it was written; `tag` is `str`, `int`, `float`, `bool`, `null`, `timestamp`,
    `merge`, `seq`, `map`, or another tag in full. `children` are a list's items, or keys and values in turn.
    """

    tag: str
    line: int
    column: int
    text: str = ""
    children: list[Node] = field(default_factory=list)
    size: int = 1


def compose(text: str) -> Node | None:
    """Build the tree of the one document in `text`, None when there is none; raises YamlTextError."""
    try:
        return _document(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise YamlTextError(Located(line, column, "", _explain(text, error, line, column))) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        if isinstance(error, YamlTextError):
            raise
        # libyaml's wrapper turns some odd escapes into bare Python errors, which carry no place.
        raise YamlTextError(Located(1, 1, "", tr("not YAML: {problem}", problem=error))) from error


def _document(text: str) -> Node | None:
    try:
        return _Composer(yaml.parse(text, Loader=_LOADER)).document()
    except yaml.MarkedYAMLError as error:
        if _TOO_DEEP not in (error.problem or ""):
            raise
        # Newer libyaml scans ahead and gives up before it has told where the nesting passes our own limit.
        return _Composer(yaml.parse(text, Loader=yaml.SafeLoader)).document()


class _Composer:
    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._anchors: dict[str, Node | None] = {}

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _problem(event, tr("a second document begins here; write one document per file"))
                root = self._node(next(self._events), 1)
        return root

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event)
        if depth > DEEPEST:
            raise _problem(event, tr("nested deeper than {deepest} levels", deepest=DEEPEST))
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = _make(event, _tag(event), text=event.value)
        else:
            mapping = isinstance(event, yaml.MappingStartEvent)
            node = _make(event, _collection_tag(event, "map" if mapping else "seq"))
            for inner in self._events:
                if isinstance(inner, yaml.CollectionEndEvent):
                    break
                child = self._node(inner, depth + 1)
                node.children.append(child)
                node.size += child.size
                if node.size > MOST_NODES:
                    raise _problem(
                        inner,
                        tr("more than {most:,} values, counting what aliases stand for", most=MOST_NODES),
                    )
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _aliased(self, event: yaml.AliasEvent) -> Node:
        name = str(event.anchor)
        if name not in self._anchors:
            raise _problem(event, tr("the alias *{name} names nothing before it", name=name))
        node = self._anchors[name]
        if node is None:
            raise _problem(event, tr("the alias *{name} stands inside what it names", name=name))
        return node


def _make(event: yaml.Event, tag: str, *, text: str = "") -> Node:
    line, column = _place(event)
    return Node(tag=tag, line=line, column=column, text=text)


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _tag(event: yaml.ScalarEvent) -> str:
    tag = event.tag
    if tag is None or tag == "!":
        tag = _RESOLVER.resolve(  # type: ignore[no-untyped-call]  # the stubs leave it untyped
            yaml.ScalarNode, event.value, event.implicit
        )
    return str(tag).removeprefix("tag:yaml.org,2002:")


def _collection_tag(event: yaml.Event, usual: str) -> str:
    tag = getattr(event, "tag", None)
    return usual if tag in (None, "!") else str(tag).removeprefix("tag:yaml.org,2002:")


def _problem(event: yaml.Event, text: str) -> YamlTextError:
    return YamlTextError(Located(*_place(event), "", text))


def _explain(text: str, error: yaml.MarkedYAMLError, line: int, column: int) -> str:
    """Say it in words for a person where the parser's own are about tokens."""
    lines = text.splitlines()
    here = lines[line - 1] if line <= len(lines) else ""
    problem = error.problem or error.context or tr("it cannot be parsed")
    if here[column - 1 : column] == "\t" or here[: len(here) - len(here.lstrip())].count("\t"):
        return tr("a tab stands here; YAML indents with spaces")
    if "mapping values are not allowed" in problem:
        return tr("a second ':' in one line, or wrong indentation; put a text that holds ': ' in quotes")
    return tr("not YAML: {problem}", problem=problem)
