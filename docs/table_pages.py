"""The pages made from torchup's own tables: the causes, the recipes for system packages, the variables."""

from __future__ import annotations

from typing import Any

GENERATED = "<!-- Written by docs/generate.py (`make docs`). Do not edit. -->\n\n"

CAUSES_INTRODUCTION = (
    "What `torchup verify` and `torchup doctor` can name, from the bus to the toolchain. How bad it is: *blocker* "
    "keeps torch from working on the GPU, *degraded* works with limits, *warn* is worth knowing. `<...>` stands for "
    "what is particular to the machine. Where a fix is for some systems only, they are named.\n\n"
)


def causes_page() -> str:
    """List every cause that a report or a diagnosis can name, layer by layer."""
    from torchup.verify.causes import known_causes

    parts = [GENERATED, "# Causes\n\n", CAUSES_INTRODUCTION]
    layer = ""
    for name, cause in known_causes().items():
        if cause.layer != layer:
            layer = cause.layer
            parts.append(f"## {layer}\n\n")
        parts.append(f"### {name}\n\n{cause.title} ({cause.severity}). {cause.why}\n\n")
        for fix in cause.fix:
            where = f" *({', '.join(fix.on)})*" if fix.on else ""
            parts.append(f"- {fix.do}{where}\n")
            if fix.run:
                lines = "\n".join(f"  {command}" for command in fix.run)
                parts.append(f"\n  ```sh\n{lines}\n  ```\n\n")
        if cause.symptoms:
            parts.append(f"\nRecognised in a text by: {', '.join(f'`` {text} ``' for text in cause.symptoms)}\n")
        if cause.findings:
            parts.append(f"\nFindings of `torchup detect`: {', '.join(f'`{code}`' for code in cause.findings)}\n")
        parts.append(f"\nSeen in: {', '.join(cause.sources)}\n\n")
    return "".join(parts).rstrip() + "\n"


def recipes_page() -> str:
    """List the recipes for drivers and toolkits, from the data that plans are made of."""
    from torchup.knowledge.tables import table

    recipes = table("system_recipes")
    parts = [GENERATED, RECIPES_INTRODUCTION.format(date=recipes["as_of"])]
    parts.append(
        "| recipe | systems | processors | driver branches (module) | toolkit |\n| --- | --- | --- | --- | --- |\n"
    )
    for row in recipes["recipes"]:
        systems = f"{', '.join(row['ids'])} {', '.join(version for version in row['versions'] if version)}".strip()
        toolkit = row.get("toolkit")
        held = (
            ", ".join(dict.fromkeys(toolkit["only"].values()))
            if toolkit and "only" in toolkit
            else "any of the repository"
        )
        cells = (row["id"], systems, ", ".join(row["arches"]), _branches(row), held if toolkit else "–")
        parts.append(f"| {' | '.join(cells)} |\n")
    parts.append("\n## What no source states\n\n")
    for row in recipes["recipes"]:
        open_points = [*row["unconfirmed"], *(text for offer in row["offers"] for text in offer.get("unconfirmed", ()))]
        parts += [f"- {row['id']}: {text}.\n" for text in dict.fromkeys(open_points)]
    parts.append("\n## Systems with their own way\n\n")
    parts += [f"- {row['id']}: {row['text']}\n" for row in recipes["advice"]]
    parts.append("\n## Sources\n\n")
    parts += [f"- `{key}`: {text}\n" for key, text in recipes["sources"].items()]
    for row in recipes["recipes"]:
        parts.append(f"- {row['id']}: {', '.join(f'`{key}`' for key in row['source'])}\n")
    return "".join(parts)


RECIPES_INTRODUCTION = """# Recipes

How torchup gets a driver or a CUDA toolkit from the packages of a system, as of {date}. For one system the first
recipe that holds the wanted branch with the wanted kernel module is taken; the one that the installed driver comes
from goes first. [Drivers and system packages](../explanation/drivers.md) tells why.

"""


def _branches(row: dict[str, Any]) -> str:
    modules: dict[int, list[str]] = {}
    moving = set()
    for offer in row["offers"]:
        for branch in offer["branches"]:
            modules.setdefault(branch, []).extend(offer["packages"])
            moving |= {branch} if offer.get("moves_on") else set()
    named = [
        f"{branch}{' or newer' if branch in moving else ''} ({', '.join(dict.fromkeys(found))})"
        for branch, found in sorted(modules.items())
    ]
    return "; ".join(named) or "none"


VARIABLES_INTRODUCTION = (
    "What torchup reads and what it exports never share a name, so that every command works in the shells that torchup "
    "has set up. `{answers}<SECTION>_<KEY>` holds an answer; an unknown name behind `{answers}` is an error that names "
    "the nearest one. [Answers file](answers.md) has the name of every key.\n"
)


def variables_page() -> str:
    """List torchup's own environment variables by what they are for."""
    from torchup import own_variables as own

    parts = [GENERATED, "# Variables\n\n", VARIABLES_INTRODUCTION.format(answers=own.ANSWERS)]
    prefixes = {f"{prefix}…": meaning for prefix, meaning in own.EXPORTED_PREFIXES.items()}
    for title, rows in (
        ("Exported into new shells", own.EXPORTED | prefixes),
        ("Read", own.READ),
        ("Seen by other programs only", own.PASSING),
    ):
        parts.append(f"\n## {title}\n\n| variable | meaning |\n| --- | --- |\n")
        parts += [f"| `{name}` | {meaning} |\n" for name, meaning in rows.items()]
    return "".join(parts)
