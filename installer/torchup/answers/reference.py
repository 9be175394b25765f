"""The reference page of the answers file, made from the questions."""

from __future__ import annotations

from torchup.answers.overrides import variable_name
from torchup.answers.questions import SECTION_MEANINGS, question_for
from torchup.answers.values import value_at, value_types
from torchup.answers.write import flow
from torchup.model.request import Request


def answers_page() -> str:
    """Give the page as Markdown: one table per section, in the order of the file."""
    opening = (
        "# Answers file\n\n"
        "An answers file is YAML with `schema: 1`. Every key has a default and may be left out; an unknown key is an "
        "error. `torchup answers init` writes a complete example, `torchup answers check FILE` reports every problem "
        "with line and column, and `answers.schema.json` beside this page is for editors.\n\n"
        "Any key can also be set with `--set KEY=VALUE` or with its variable, where lists are written with commas. "
        "`--set` wins over a variable, and a variable over the file. The names that variables had before, without `SET_`, "
        "are still read where the one of the table is not set; [Variables](variables.md) has all that torchup reads "
        "and exports. The wizard asks only for what the machine leaves "
        "open; everything else can be changed at its review.\n\n"
        "Passwords and tokens do not belong into answers: a URL that holds one is refused. Leave them to `~/.netrc`, "
        "to the configuration of pip and uv, or to `HTTPS_PROXY`.\n"
    )
    parts = [opening]
    section = ""
    for key in value_types():
        before, _, name = key.partition(".")
        if before != section:
            section = before
            title = f"\n## {section}\n\n{SECTION_MEANINGS.get(section, '')}".rstrip()
            parts.append(
                f"{title}\n\n| key | meaning | values | default | variable |\n| --- | --- | --- | --- | --- |\n"
            )
        question = question_for(key)
        cells = (f"`{name or key}`", question.meaning, question.values.replace("|", "\\|"),
                 f"`{flow(value_at(Request(), key))}`", f"`{variable_name(key)}`")  # fmt: skip
        parts.append(f"| {' | '.join(cells)} |\n")
    return "".join(parts)
