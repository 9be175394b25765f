"""From the parts of a recipe to steps: placeholders filled in, commands put together, never a string for a shell."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from torchup.errors import RefusedError
from torchup.knowledge.recipes import Manager, Part, Recipe, keyring_digest, keyring_place, manager
from torchup.knowledge.systems import kernel_flavour, release_of
from torchup.model.facts import MachineFacts
from torchup.model.plan import (
    AddRepository,
    Command,
    Download,
    HoldPackages,
    InstallSystemPackages,
    Step,
    WriteFile,
)
from torchup.plan.system.components import component_steps
from torchup.words import tr

_BLANK = re.compile(r"\{([a-z-]+)\}")
_FOLDER_MODE = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What the placeholders of one recipe stand for on one machine, and which conditions hold there."""

    facts: MachineFacts
    recipe: Recipe
    values: Mapping[str, str]
    holds: Collection[str] = ()
    components: tuple[str, ...] = ()

    @property
    def manager(self) -> Manager:
        """The package manager of the recipe."""
        return manager(self.recipe.manager)

    def text(self, text: str) -> str:
        """Fill the placeholders of a text; raises RefusedError (`kernel-unknown`) where the facts do not say enough."""
        try:
            # A value may hold a placeholder itself, such as the name of the kernel's headers.
            return _BLANK.sub(self._value, _BLANK.sub(self._value, text))
        except KeyError as error:
            raise RefusedError(
                tr("The running kernel is not known, and the driver's module has to be built for it."),
                code="kernel-unknown",
                evidence=(tr("{title} needs {what} of the kernel.", title=tr(self.recipe.title), what=error.args[0]),),
                hint=tr("`torchup detect` names it on the machine itself; in a facts file it is os.kernel."),
            ) from None

    def said(self, text: str) -> str:
        """Fill the placeholders of a sentence in the language of the run; raises RefusedError as `text` does."""
        values = {**self.values, "title": tr(self.recipe.title)}
        return replace(self, values=values).text(tr(text))

    def texts(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Fill the placeholders of several texts; a value of several lines makes one text for each."""
        return tuple(filled for text in texts for filled in self._each(text))

    def command(self, given: str | Iterable[str]) -> Command:
        """Make one command: `refresh` is the manager's, a placeholder alone holds a command's words."""
        if given == "refresh":
            words = self.manager.refresh
        else:
            words = tuple(self.text(given).split()) if isinstance(given, str) else self.texts(given)
        return Command(argv=words, environment=dict(self.manager.environment))

    def install(self, packages: Iterable[str], *, exchange: bool = False) -> Command:
        """Make the command that installs packages; with `exchange` it may take out what stands against them."""
        words = self.manager.exchange if exchange else ()
        return self.command((*self.manager.install, *words, *packages))

    def download(self, packages: Iterable[str], *, exchange: bool = False) -> Command:
        """Make the command that fetches packages and installs nothing."""
        words = self.manager.exchange if exchange else ()
        return self.command((*self.manager.download, *words, *packages))

    def remove(self, packages: Iterable[str]) -> Command:
        """Make the command that removes packages."""
        return self.command((*self.manager.remove, *packages))

    def take_back(self, packages: Iterable[str]) -> Command:
        """Make the command that undo prints: it removes packages, and nothing that they brought along."""
        return self.command((*self.manager.take_back, *packages))

    def _each(self, text: str) -> tuple[str, ...]:
        several = next((name for name in _BLANK.findall(text) if "\n" in self.values.get(name, "")), None)
        if several is None:
            return (self.text(text),)
        return tuple(self.text(text.replace(f"{{{several}}}", one)) for one in self.values[several].split("\n"))

    def _value(self, match: re.Match[str]) -> str:
        return self.values[match[1]]


def filling_for(facts: MachineFacts, recipe: Recipe, *, holds: Collection[str] = (), **more: str) -> Filling:
    """Gather what a recipe's placeholders stand for on a machine; `more` are further ones, `_` for `-`."""
    values = {**recipe.values, **{name.replace("_", "-"): value for name, value in more.items()}}
    if facts.os.kernel:
        values["kernel"] = facts.os.kernel
    if flavour := kernel_flavour(facts.os):
        values["flavour"] = flavour
    release = release_of(facts.os)
    return Filling(
        facts=facts, recipe=recipe, values=values, holds={*holds, *([f"os:{release.id}"] if release else [])}
    )


def steps_of(parts: Iterable[Part], filling: Filling) -> tuple[Step, ...]:
    """Turn the parts whose conditions hold into steps, in order."""
    return tuple(
        step
        for part in parts
        if all(condition in filling.holds for condition in part.get("when", ()))
        for step in _steps(part, filling)
    )


def _steps(part: Part, filling: Filling) -> tuple[Step, ...]:
    match part["kind"]:
        case "components":
            return component_steps(filling.facts, filling.values.get("codename"), filling.components)
        case "download":
            return (_download(part, filling),)
        case "file":
            return (_file(part, filling),)
        case "packages":
            return (_packages(part, filling),)
        case "repository":
            return (_repository(part, filling),)
        case "hold":
            return (_hold(part, filling),)
        case kind:
            raise AssertionError(f"the recipe {filling.recipe.id} has a part of the unknown kind {kind}")


def _download(part: Part, filling: Filling) -> Download:
    url, path = keyring_place() if part["url"] == "keyrings" else (part["url"], part["path"])
    is_keyring = part["url"] == "keyrings"
    digest = keyring_digest(filling.values["repo"], filling.values["arch"]) if is_keyring else None
    unknown = "" if digest else tr(" Its digest is not known here: the transport is all that vouches for it.")
    return Download(
        id=part["id"],
        summary=filling.said(part["summary"]),
        why=filling.said(part["why"]) + unknown,
        privilege="root",
        url=filling.text(url),
        path=filling.text(path),
        sha256=digest,
        mode=_FOLDER_MODE,
    )


def _file(part: Part, filling: Filling) -> WriteFile:
    return WriteFile(
        id=part["id"],
        summary=filling.said(part["summary"]),
        why=filling.said(part["why"]),
        privilege="root",
        path=filling.text(part["path"]),
        content="".join(f"{','.join(filling.text(line).splitlines())}\n" for line in part["lines"]),
    )


def _packages(part: Part, filling: Filling) -> InstallSystemPackages:
    packages = filling.texts(part["packages"])
    named = filling.texts(part["install"]) if "install" in part else packages
    install = tuple(filling.command(given) for given in part["exact"]) if "exact" in part else (filling.install(named),)
    return InstallSystemPackages(
        id=part["id"],
        summary=filling.said(part["summary"]),
        why=filling.said(part["why"]),
        manager=filling.recipe.manager,
        packages=packages,
        commands=(*install, *(filling.command(given) for given in part.get("after", ()))),
        undo_commands=(filling.take_back(packages),),
    )


def _repository(part: Part, filling: Filling) -> AddRepository:
    return AddRepository(
        id=part["id"],
        summary=filling.said(part["summary"]),
        why=filling.said(part["why"]),
        name=filling.recipe.title,
        commands=tuple(filling.command(given) for given in part["commands"]),
        creates=filling.texts(part.get("creates", ())),
        undo_commands=tuple(filling.command(given) for given in part.get("undo", ())),
    )


def _hold(part: Part, filling: Filling) -> HoldPackages:
    return HoldPackages(
        id=part["id"],
        summary=filling.said(part["summary"]),
        why=filling.said(part["why"]),
        manager=filling.recipe.manager,
        holds=filling.texts(part["holds"]),
        commands=tuple(filling.command(given) for given in part["commands"]),
        undo_commands=tuple(filling.command(given) for given in part["undo"]),
    )
