"""The templates folder: where it is, and how a template becomes text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from torchup.errors import TorchupError
from torchup.shell.kinds import LANGUAGES
from torchup.shell.quoting import Quoted, quote
from torchup.shell.yaml_quoting import quote_yaml
from torchup.words import tr

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from jinja2 import Environment


def template_root() -> Traversable:
    """Find the folder with the templates, in an installed wheel or in a checkout.

    No other place knows where it is. Raises TorchupError `templates-missing`.
    """
    from importlib import resources

    installed = resources.files("torchup") / "templates"
    if installed.is_dir():
        return installed
    checkout = Path(__file__).resolve().parents[3] / "templates"
    if checkout.is_dir():
        return checkout
    raise TorchupError(
        tr("The templates that torchup was built with are missing."),
        code="templates-missing",
        evidence=(tr("looked for {installed} and {checkout}", installed=installed, checkout=checkout),),
        hint=tr("Install torchup again."),
    )


def render(name: str, **values: object) -> str:
    """Render `<name>.j2` from the templates folder; the text ends as the template does.

    An undefined value is an error, and so is a value that reaches the text without a quoting filter
    (the name of a shell language, or `yaml`): TypeError.
    """
    return _environment().get_template(f"{name}.j2").render(**values)


def render_with_names(name: str, names: Mapping[str, str], **values: object) -> str:
    """Render `<name>.j2` after putting other names of shell variables for the keys of `names`.

    They stand in `${...}`, where a template's own braces could not be told apart.
    """
    source = _source(f"{name}.j2") or ""
    for stand_in, variable in names.items():
        source = source.replace(stand_in, variable)
    return _environment().from_string(source).render(**values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_source),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701  these are shell scripts: `finalize` lets only quoted values through
        finalize=_only_quoted,
    )
    for language in LANGUAGES:
        environment.filters[language] = _filter(language)
    environment.filters["yaml"] = quote_yaml
    return environment


def keep_all() -> None:
    """Read every template now, for a process that will not be able to read them later."""
    for folder in ("", *sorted({language.templates for language in LANGUAGES.values()})):
        for file in template_root().joinpath(folder).iterdir():
            if file.name.endswith(".j2"):
                _environment().get_template(f"{folder}/{file.name}".lstrip("/"))


def _source(name: str) -> str | None:
    file = template_root().joinpath(name)
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _filter(language: str) -> Callable[[str], Quoted]:
    return lambda text: quote(language, text)


def _only_quoted(value: object) -> object:
    from jinja2 import StrictUndefined

    # An undefined value passes on to raise the error that names it.
    if isinstance(value, Quoted | StrictUndefined):
        return value
    raise TypeError(f"a template prints {value!r} without a quoting filter")
