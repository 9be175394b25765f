"""What torchup has to know of one shell, and of the language that it speaks. The kinds are pure: they read nothing."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Literal

from torchup.model.quick import dataclass
from torchup.words import tr

StartMode = Literal["interactive", "login", "script", "ssh"]
Placement = Literal["end", "start", "before-return"]

EVERY_MODE: tuple[StartMode, ...] = ("interactive", "login", "script", "ssh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """The language of start-up files and scripts.

    `quote` writes a text as one literal word, and raises UsageError `path-unquotable` for what it cannot write.
    `reads` is the word that reads a file into the running shell, `calls` what stands before a quoted program.
    `block` is the template of what reads our env file. `env_file` is that file's name and, in the folder
    `templates`, its template; conda's scripts are there too. `continues` is the character that joins a line with
    the next. `activate` is the script beside an environment's python, and `enters` the word that reads it where
    that is not `reads`. `posix` languages read each other's plain scripts. `drives` stand at the start of a path.
    """

    name: str
    quote: Callable[[str], str]
    reads: str
    templates: str
    block: str
    env_file: str
    activate: str
    enters: str | None = None
    continues: bytes = b"\\"
    calls: str = ""
    posix: bool = False
    drives: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupFile:
    """A file that gets our block, or, with `form` own-file, a file that is ours as a whole.

    `modes` are the ways of starting `shell` that read it. `create` says that it may be missing.
    """

    shell: str
    language: str
    path: str
    create: bool
    modes: tuple[StartMode, ...]
    why: str
    placement: Placement = "end"
    form: Literal["block", "own-file"] = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What is known about the start-up files of one home.

    `everywhere` is the scope `all`; `profiles` are files that the shells named themselves; `names` lists a folder.
    """

    home: str
    environ: Mapping[str, str]
    existing: frozenset[str] = frozenset()
    contents: Mapping[str, bytes] = field(default_factory=dict)
    everywhere: bool = False
    profiles: Mapping[str, str] = field(default_factory=dict)
    names: Callable[[str], Iterable[str]] = lambda _folder: ()

    def at(self, *names: str) -> str:
        """Give the path of a file in the home."""
        return posixpath.join(self.home, *names)

    def config(self, *names: str) -> str:
        """Give the path of a file in the folder for configuration."""
        return posixpath.join(self.environ.get("XDG_CONFIG_HOME") or self.at(".config"), *names)

    def exists(self, path: str) -> bool:
        """Tell whether a start-up file is known to be there."""
        return path in self.existing or path in self.contents


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """How a shell is started to run one command.

    `typed` is the command where it is read from standard input, and no part of the vector. `terminal` says that
    the shell refuses to start where its standard input is no terminal.
    """

    argv: tuple[str, ...]
    typed: str | None = None
    terminal: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


def starts_with_command(program: str, mode: StartMode, command: str) -> Started:
    """Start a shell that takes the command as `-c`; a login shell's name begins with a dash."""
    if mode == "login":
        return Started(argv=(f"-{program}", "-i", "-c", command))
    if mode == "interactive":
        return Started(argv=(program, "-i", "-c", command))
    return Started(argv=(program, "-c", command))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """One shell.

    `name` is its name in answers and on the command line. `programs` are those that are it: the first is the one to
    start, by which machine facts name it; the others are names of the same. `language` is None where torchup has
    no template for it: its values are printed for the person to add, where `pointer` says. `reads` lists the
    files that it may read in a home, `writes` those that get our block, with the reason; `question` are the
    arguments with which the shell itself names a place, which `writes` then finds in `Home.profiles`. `parser`
    gives the argument vector that checks a file without running it; `runs_to_parse` says that there is none, and
    the file is run. `ends` are the ends of names that tell its files. `usual` shells are configured wherever they
    are installed. `scope_notes` say, by the scope, which ways of starting it do not get the settings. `completes`
    says that `torchup completion` knows it. `conda` is the ending of the scripts that conda runs in it.
    """

    name: str
    programs: tuple[str, ...]
    language: Language | None = None
    reads: Callable[[Home], tuple[str, ...]] = lambda _home: ()
    writes: Callable[[Home], tuple[StartupFile, ...]] = lambda _home: ()
    starts: Callable[[str, StartMode, str], Started] = starts_with_command
    question: tuple[str, ...] | None = None
    parser: Callable[[str], tuple[str, ...]] | None = None
    runs_to_parse: bool = False
    ends: tuple[str, ...] = ()
    usual: bool = False
    completes: bool = False
    conda: str | None = None
    scope_notes: Mapping[Literal["interactive", "all"], str] = field(default_factory=dict)
    pointer: str | None = None

    @property
    def program(self) -> str:
        """The program to start."""
        return self.programs[0]


def block_in(
    shell: str,
    language: str,
    path: str,
    known: Home,
    modes: tuple[StartMode, ...],
    why: str,
    placement: Placement = "end",
) -> StartupFile:
    """Have a start-up file get our block; the reason says so where it has to be made."""
    create = not known.exists(path)
    return StartupFile(
        shell=shell,
        language=language,
        path=path,
        create=create,
        modes=modes,
        why=tr("{why}; it will be created", why=why) if create else why,
        placement=placement,
    )
