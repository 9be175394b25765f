"""The shell part of a plan: the env files that we own, and the managed blocks that read them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from torchup.model.context import Context
from torchup.model.facts import MachineFacts
from torchup.model.plan import (
    EditManagedBlock,
    MakeDirectory,
    RemoveFile,
    Step,
    WriteFile,
)
from torchup.model.proof import CondaProof, ShellProof, StartupProof
from torchup.model.request import ShellWish
from torchup.model.resolution import ToolkitDecision
from torchup.plan.conda_layout import library_dir
from torchup.plan.conda_shell_steps import (
    CondaShellPlan,
    is_conda_environment,
    outside_conda,
    plan_conda_scripts,
    remove_conda_scripts,
)
from torchup.plan.windows_shell_steps import (
    choose_profiles,
    no_library_path,
    profile_steps,
    variable_steps,
    windows_environment,
)
from torchup.shell.block_body import block_body, own_file
from torchup.shell.by_hand import HandLines, lines_by_hand
from torchup.shell.conda_scripts import CondaSettings
from torchup.shell.env_files import ShellEnvironment, env_file_name, render_env_file
from torchup.shell.kinds.kind import StartupFile
from torchup.shell.library_path import LibraryPathDecision, decide_library_path
from torchup.shell.startup_choice import Asked, SkippedShell, StartupChoice
from torchup.shell.startup_files import choose_startup_files
from torchup.words import tr

ReadFile = Callable[[str], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellPlan:
    """The steps, the choice of start-up files with its reasons, and the decision on LD_LIBRARY_PATH.

    `by_hand` are lines that a person adds where no file is edited.
    """

    steps: tuple[Step, ...]
    choice: StartupChoice
    library_path: LibraryPathDecision
    known: ShellEnvironment = field(default_factory=ShellEnvironment)
    conda: CondaShellPlan = field(default_factory=CondaShellPlan)
    by_hand: tuple[HandLines, ...] = ()

    @property
    def proof(self) -> ShellProof | None:
        """Say what new shells are to know, None where no start-up file is touched."""
        files = tuple(
            StartupProof(shell=file.shell, language=file.language, path=file.path, modes=file.modes)
            for file in (*self.choice.files, *self.choice.served)
        )
        conda = self.conda.settings
        if not files and conda is None:
            return None
        return ShellProof(
            files=files,
            cuda_home=self.known.cuda_home,
            bin_dirs=self.known.bin_dirs,
            library_dirs=self.known.library_dirs,
            environment=self.known.environment,
            conda=_conda_proof(conda),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Give the sentences for the review screen."""
        lines = [f"{item.shell}: {item.why}: {'; '.join(item.lines)}" for item in self.by_hand]
        skipped = [f"{skipped.shell}: {skipped.reason}" for skipped in self.choice.skipped]
        return (*skipped, *self.choice.notes, *self.choice.left_out, *lines)


def plan_shell(
    *,
    wish: ShellWish,
    facts: MachineFacts,
    context: Context,
    files: ReadFile,
    toolkit: ToolkitDecision,
    environment: str | None,
    wheel_brings_cuda: bool,
    is_conda: bool = False,
    asked: Asked | None = None,
    edit: bool = True,
) -> ShellPlan:
    """Plan env files and blocks, and the scripts of a conda environment.

    `files` gives the bytes of a start-up file as the person saw it, by its place on disk. `environment` is
    the folder of the PyTorch environment; `is_conda` says that conda is about to make it. Without `edit` the env
    files are planned, and the lines that read them are for the person to add.
    """
    if facts.os.system == "windows":
        return _plan_windows(wish, facts, context, files, toolkit, environment, is_conda=is_conda)
    library_path = _library_path(wish, facts, toolkit, wheel_brings_cuda=wheel_brings_cuda)
    choice = _choose(wish, facts, context, files, asked)
    if not edit:
        choice = choice.printed_only(tr("you asked for the lines only"))
    cuda_home = toolkit.path if toolkit.source != "none" else None
    known = ShellEnvironment(
        cuda_home=cuda_home,
        bin_dirs=(f"{cuda_home}/bin",) if cuda_home else (),
        library_dirs=library_path.directories,
        environment=environment,
        activate=wish.activate,
    )
    conda = plan_conda_scripts(wish=wish, facts=facts, files=files, toolkit=toolkit, known=known, is_conda=is_conda)
    choice = _with_conda(choice, conda)
    known = outside_conda(known, toolkit) if conda.settings else known
    named = [item.language for item in choice.by_hand if item.language is not None]
    languages = tuple(dict.fromkeys([*(file.language for file in (*choice.files, *choice.served)), *named]))
    steps = [*_env_files(languages, known, context, library_path)]
    for file in choice.files:
        steps += _startup_file(file, context, files)
    steps += conda.steps
    by_hand = tuple(
        lines_by_hand(item, env_file_seen(item.language, context) if item.language else None, known)
        for item in choice.by_hand
    )
    return ShellPlan(
        steps=tuple(steps), choice=choice, library_path=library_path, known=known, conda=conda, by_hand=by_hand
    )


def _plan_windows(
    wish: ShellWish,
    facts: MachineFacts,
    context: Context,
    files: ReadFile,
    toolkit: ToolkitDecision,
    environment: str | None,
    *,
    is_conda: bool,
) -> ShellPlan:
    cuda_home = toolkit.path if toolkit.source != "none" else None
    known = windows_environment(cuda_home, environment, activate=wish.activate)
    conda = plan_conda_scripts(wish=wish, facts=facts, files=files, toolkit=toolkit, known=known, is_conda=is_conda)
    known = outside_conda(known, toolkit) if conda.settings else known
    choice = _with_conda(choose_profiles(wish, facts, context), conda)
    steps = [
        *(() if wish.shells == "none" else variable_steps(known)),
        *profile_steps(choice, known, str(context.places.config), files),
        *conda.steps,
    ]
    return ShellPlan(steps=tuple(steps), choice=choice, library_path=no_library_path(), known=known, conda=conda)


def plan_shell_removal(
    *,
    wish: ShellWish,
    facts: MachineFacts,
    context: Context,
    files: ReadFile,
    env_files: Iterable[str] = (),
    environment: str | None = None,
    also: Iterable[StartupFile] = (),
    asked: Asked | None = None,
) -> ShellPlan:
    """Plan to take blocks and env files out again, and the scripts of a conda `environment`.

    `env_files` are those that are there. `also` are start-up files beside those of the wish that hold a block.
    """
    windows = facts.os.system == "windows"
    choice = choose_profiles(wish, facts, context) if windows else _choose(wish, facts, context, files, asked)
    steps: list[Step] = [*variable_steps(ShellEnvironment())] if windows else []
    for file in {file.path: file for file in (*choice.files, *also)}.values():
        path = str(context.below_root(Path(file.path)))
        seen = files(path)
        if seen is None:
            continue
        why = tr("It read settings that torchup made.")
        if file.form == "own-file":
            steps.append(
                RemoveFile(id=f"remove:{file.path}", summary=tr("Remove {path}", path=path), why=why, path=path)
            )
        else:
            steps.append(
                EditManagedBlock(
                    id=f"block:{file.path}",
                    summary=tr("Take the torchup block out of {path}", path=path),
                    why=why,
                    path=path,
                    shell=file.language,
                    body=None,
                    expected_sha256=hashlib.sha256(seen).hexdigest(),
                )
            )
    why = tr("No start-up file reads it any more.")
    steps += [
        RemoveFile(id=f"env-file:{path}", summary=tr("Remove {path}", path=path), why=why, path=path)
        for path in env_files
    ]
    if environment is not None and (wish.shells == "auto" or "conda" in wish.shells):
        steps += remove_conda_scripts(environment, files)
        choice = _with_conda(choice, CondaShellPlan(reason=_no_conda(environment, files)))
    nothing = decide_library_path("never", library_dir=None, loader_finds_it=False, wheel_brings_cuda=False)
    return ShellPlan(steps=tuple(steps), choice=choice, library_path=nothing)


def env_file_path(language: str, context: Context) -> str:
    """Tell where the env file of a shell language is."""
    return str(context.places.config / env_file_name(language))


def env_file_seen(language: str, context: Context) -> str:
    """Tell where a shell finds the env file: below another root it starts with that root as its `/`."""
    path = Path(env_file_path(language, context))
    if context.root != Path("/") and path.is_relative_to(context.root):
        return f"/{path.relative_to(context.root)}"
    return str(path)


def _choose(
    wish: ShellWish, facts: MachineFacts, context: Context, files: ReadFile, asked: Asked | None = None
) -> StartupChoice:
    there = dict.fromkeys([*facts.shells.files, *(asked.files if asked is not None else ())])
    read = {path: files(str(context.below_root(Path(path)))) for path in there}
    # What counts is the place that is written to, which is another one below --root.
    contents = {path: content for path, content in read.items() if content is not None}
    return choose_startup_files(
        shells=wish.shells,
        scope=wish.scope,
        rc=wish.rc,
        home=str(context.home),
        facts_shells=replace(facts.shells, files=tuple(contents)),
        environ=context.environ,
        contents=contents,
        asked=asked,
    )


def _conda_proof(settings: CondaSettings | None) -> CondaProof | None:
    if settings is None:
        return None
    return CondaProof(prefix=settings.prefix, cuda_home=settings.cuda_home, library_dirs=settings.library_dirs)


def _with_conda(choice: StartupChoice, conda: CondaShellPlan) -> StartupChoice:
    """Say of conda what is true: it is left out only where its environment gets no scripts."""
    skipped = [shell for shell in choice.skipped if shell.shell != "conda"]
    if conda.reason is not None:
        skipped.append(SkippedShell(shell="conda", reason=conda.reason))  # noqa: S604 - names a shell, starts none
    return replace(choice, skipped=tuple(skipped), notes=(*choice.notes, *conda.notes))


def _no_conda(environment: str, files: ReadFile) -> str | None:
    return (
        None
        if is_conda_environment(environment, files)
        else tr("{environment} is no conda environment", environment=environment)
    )


def _library_path(
    wish: ShellWish, facts: MachineFacts, toolkit: ToolkitDecision, *, wheel_brings_cuda: bool
) -> LibraryPathDecision:
    path = toolkit.path if toolkit.source != "none" else None
    found = any(known.source == "ldconfig" and known.path == path for known in facts.toolkits)
    return decide_library_path(
        wish.ld_library_path,
        library_dir=_library_dir(path, toolkit, facts) if path else None,
        loader_finds_it=found,
        wheel_brings_cuda=wheel_brings_cuda,
    )


def _library_dir(path: str, toolkit: ToolkitDecision, facts: MachineFacts) -> str:
    """Tell which folder of a toolkit has its libraries: NVIDIA's own layout has lib64, wheels and conda have theirs."""
    known = {found.source for found in facts.toolkits if found.path == path} | {toolkit.source}
    if "conda" in known:
        return library_dir(path, facts.os)
    return f"{path}/lib" if known & {"wheel", "pip"} else f"{path}/lib64"


def _env_files(
    languages: tuple[str, ...], known: ShellEnvironment, context: Context, library_path: LibraryPathDecision
) -> Iterable[Step]:
    by_path = {env_file_path(language, context): language for language in reversed(languages)}
    for path, language in reversed(by_path.items()):
        name = env_file_name(language)
        yield WriteFile(
            id=f"env-file:{name}",
            summary=tr("Write the shell settings to {path}", path=path),
            why=tr(
                "torchup owns this file; start-up files only read it, so that an update changes nothing else. {reason}",
                reason=library_path.reason.text,
            ),
            path=path,
            content=render_env_file(language, known),
        )


def _startup_file(file: StartupFile, context: Context, files: ReadFile) -> list[Step]:
    path = str(context.below_root(Path(file.path)))
    env_file = env_file_seen(file.language, context)
    folder = str(Path(path).parent)
    why = tr("{clause}.", clause=file.why[:1].upper() + file.why[1:])
    home = str(context.below_root(context.home))
    steps: list[Step] = []
    if folder != home:
        steps.append(MakeDirectory(id=f"folder:{folder}", summary=tr("Make {path}", path=folder), why=why, path=folder))
    if file.form == "own-file":
        steps.append(
            WriteFile(
                id=f"own-file:{file.path}",
                summary=tr("Have {shell} read the shell settings", shell=file.shell),
                why=why,
                path=path,
                content=own_file(file.language, env_file),
            )
        )
        return steps
    seen = files(path)
    steps.append(
        EditManagedBlock(
            id=f"block:{file.path}",
            summary=tr("Put a block into {path} that reads the shell settings", path=path),
            why=why,
            path=path,
            shell=file.language,
            body=block_body(file.language, env_file),
            placement=file.placement,
            expected_sha256=None if seen is None else hashlib.sha256(seen).hexdigest(),
            create=file.create,
        )
    )
    return steps
