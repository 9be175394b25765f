"""The answers file's schema: strict types, closed keys, and a rule for every text (pydantic).

The models are made from the dataclasses of `torchup.model.request`, the rules and the questions, so that none of
them can fall out of step. Import this module only where answers are read: pydantic is slow to load.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from dataclasses import Field as DataclassField
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    ValidationError,
    WithJsonSchema,
    create_model,
)
from pydantic.json_schema import GenerateJsonSchema

from torchup.answers.questions import SECTION_MEANINGS, question_for
from torchup.answers.rules import RULES, SECTIONS, gpu, one_line
from torchup.answers.schema_problems import Written, explain
from torchup.answers.values import Value, value_types
from torchup.model.request import Request
from torchup.model.serial import Problem, dump, load
from torchup.words import tr

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def validate(data: Any, written: Written = lambda _path: None) -> tuple[Request | None, tuple[Problem, ...]]:
    """Turn plain data into a request, or give every problem in it.

    `written` gives the text of an unquoted number, truth value or null as it stands in the file: the message
    about `3.10` has to say `"3.10"`, which the number 3.1 no longer tells.
    """
    try:
        model = _model().model_validate(data)
    except ValidationError as error:
        found = [explain(detail, data, written) for detail in error.errors(include_url=False)]
        return None, tuple(dict.fromkeys(found))
    request = load(Request, model.model_dump(by_alias=True))
    problems = tuple(_contradictions(request))
    return (None if problems else request), problems


def check_value(key: str, value: Value) -> str | None:
    """Say what is wrong with one value, in a sentence without its key, or give None."""
    section, _, name = key.partition(".")
    plain = dump(value)
    _, problems = validate({section: {name: plain} if name else plain})
    return problems[0].text if problems else None


def normal_value(key: str, value: Value) -> Value:
    """Give the normal form of a value that `check_value` accepts: `==2.13.*` for `2.13`."""
    section, _, name = key.partition(".")
    plain = dump(value)
    model = _model().model_validate({section: {name: plain} if name else plain})
    part = getattr(model, section)
    normal = getattr(part, name) if name else part
    return tuple(normal) if isinstance(normal, list) else normal


def json_schema() -> dict[str, Any]:
    """Give the JSON Schema (draft 2020-12) of answers files, for editors and other programs."""
    schema = _model().model_json_schema(by_alias=True, schema_generator=_WithoutTitles)
    return {
        "$schema": DIALECT,
        "title": "torchup answers",
        "description": "What torchup is to set up. Every key has a default.",
        **{key: value for key, value in schema.items() if key not in ("title", "description")},
    }


class _WithoutTitles(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        """Leave out titles that only repeat the key."""
        del schema
        return False


class _Section(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


@cache
def _model() -> type[BaseModel]:
    hints = get_type_hints(Request)
    parts: dict[str, Any] = {
        # A field cannot be called `schema` in pydantic.
        "schema_number": (
            Literal[1],
            Field(default=1, alias="schema", description="The version of this file's format."),
        )
    }
    for section in fields(Request):
        if is_dataclass(hints[section.name]):
            model = _section_model(section.name, hints[section.name])
            parts[section.name] = (model, Field(default_factory=model, description=SECTION_MEANINGS[section.name]))
        elif section.name == "ask":
            parts["ask"] = (_field_type("ask"), Field(default=[], description=_description("ask")))
    return create_model("Answers", __base__=_Section, **parts)


def _section_model(name: str, kind: Any) -> type[BaseModel]:
    parts: dict[str, Any] = {}
    for field in fields(kind):
        key = f"{name}.{field.name}"
        parts[field.name] = (_field_type(key), Field(default=_default(field), description=_description(key)))
    return create_model(name, __base__=_Section, **parts)


def _default(field: DataclassField[Any]) -> Any:
    if field.default is MISSING:
        raise TypeError(f"the answer {field.name!r} has no default")
    return dump(field.default)


def _description(key: str) -> str:
    question = question_for(key)
    return f"{question.meaning} Values: {question.values}."


def _field_type(key: str) -> Any:
    """Give the pydantic type for a key: tuples are lists here, and every text has its rule."""
    kind = value_types()[key]
    if get_origin(kind) not in (Union, UnionType):
        spoken = _spoken(kind, key)
        if key == "ask":
            spread = BeforeValidator(lambda value: ["*"] if value == "*" else value)
            return Annotated[spoken, spread, WithJsonSchema(_ASK_SCHEMA)]
        return spoken
    options = get_args(kind)
    if type(None) in options:
        (other,) = (option for option in options if option is not type(None))
        return _spoken(other, key) | None
    words = tuple(word for option in options if get_origin(option) is Literal for word in get_args(option))
    listed = [option for option in options if get_origin(option) is tuple]
    if not listed:
        return Literal[words]
    return Annotated[
        Annotated[Literal[words], Tag("word")] | Annotated[_spoken(listed[0], key), Tag("list")],
        Discriminator(lambda value: "list" if isinstance(value, list | tuple) else "word"),
    ]


def _spoken(kind: Any, key: str) -> Any:
    if get_origin(kind) is tuple:
        item = Annotated[Any, PlainValidator(gpu), WithJsonSchema(_GPU_SCHEMA)] if key == "gpus.use" else None
        inner = item or _spoken(get_args(kind)[0], key)
        return Annotated[list[inner], AfterValidator(lambda items: _list_rule(key, items))]  # type: ignore[valid-type]
    if kind is not str:
        return kind
    rule = RULES.get(key)
    if rule is None:
        return Annotated[str, AfterValidator(one_line)]
    checked = Annotated[str, AfterValidator(one_line), AfterValidator(rule.check)]
    return Annotated[checked, Field(json_schema_extra={"pattern": rule.pattern})] if rule.pattern else checked


_ASK_SCHEMA = {"anyOf": [{"const": "*"}, {"type": "array", "items": {"enum": ["*", *SECTIONS]}}]}
_GPU_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^(GPU|MIG)-"}]}


def _list_rule(key: str, items: list[Any]) -> list[Any]:
    twice = [item for number, item in enumerate(items) if item in items[:number]]
    if twice:
        raise ValueError(tr("{item!r} is in the list twice", item=twice[0]))
    if key == "torch.packages" and "torch" not in items:
        raise ValueError(tr("torch itself is not in the list"))
    if key in ("gpus.use", "shell.shells") and not items:
        word = "all" if key == "gpus.use" else "none"
        raise ValueError(tr("the list is empty; write {word}", word=word))
    return items


def _contradictions(request: Request) -> list[Problem]:
    toolkit = request.cuda_toolkit
    if toolkit.path is not None and toolkit.source not in ("existing", "auto"):
        text = tr("a path counts only with source: existing, and source is {source}", source=toolkit.source)
        return [Problem(("cuda_toolkit", "path"), text)]
    if request.source.index == "conda-forge" and request.environment.kind != "conda":
        text = tr("conda-forge is for environment.kind: conda, and kind is {kind}", kind=request.environment.kind)
        return [Problem(("source", "index"), text)]
    return []
