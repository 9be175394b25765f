"""Every key of the answers, in the order in which the wizard asks and the file lists them.

This is the one definition: the wizard's questions, the comments of written files, the descriptions in the JSON
Schema and the reference page all come from it. At most eight of them are asked in a first run.
"""

from __future__ import annotations

from functools import cache

from torchup.answers.environment_questions import GPUS, PLACE, TORCH
from torchup.answers.question import Choice, Question, labelled
from torchup.words import mark

SECTION_MEANINGS = {
    "torch": mark("Which PyTorch."),
    "python": mark("Which Python it runs on."),
    "environment": mark("Where it goes."),
    "driver": mark("What may be done about the NVIDIA driver."),
    "cuda_toolkit": mark("A CUDA toolkit to compile with. PyTorch's wheels need none."),
    "shell": mark("What goes into the start-up files of the shells."),
    "source": mark("Where wheels come from."),
    "gpus": mark("Which GPUs PyTorch is to run on."),
    "verify": mark("The tensor test at the end."),
}

_SYSTEM = (
    Question(
        key="driver.action",
        meaning=mark("What to do when the NVIDIA driver is missing or too old."),
        values=mark(
            "auto (say what is needed, install nothing), keep (choose only what the driver runs), install (as system packages, with root)"
        ),
        prompt=mark("Install the NVIDIA driver now?"),
        help=mark(
            "The driver is part of the system: installing it needs root and a restart. torchup takes it from your distribution or from NVIDIA's repository, keeps it on the branch that serves your GPUs, and shows every command at the review. Where Secure Boot is on, a key may have to be confirmed at the machine's own console."
        ),
        choice_source="driver",
        when=("driver.change",),
        dangerous=True,
    ),
    Question(
        key="driver.branch",
        meaning=mark("The driver branch to install."),
        values=mark('auto, or a branch in quotes: "580"'),
        prompt=mark("Which driver branch?"),
        help=mark(
            "auto takes the long-term branch that serves all GPUs in use, and a newer one only where a GPU needs it."
        ),
        kind="text",
        choices=labelled(auto=mark("the one that serves every GPU")),
        typed=True,
    ),
    Question(
        key="driver.module",
        meaning=mark("The flavour of the driver's kernel module."),
        values="auto, open, proprietary",
        prompt=mark("Which kernel module?"),
        help=mark(
            "The newest GPUs need the open module, and those before Turing the proprietary one. auto knows which."
        ),
        choices=labelled(auto=mark("the one that the GPUs need"), open="open", proprietary="proprietary"),
    ),
    Question(
        key="cuda_toolkit.source",
        meaning=mark("The CUDA toolkit that CUDA_HOME names."),
        values=mark("none, auto, existing, wheel (no root), system (root), conda"),
        prompt=mark("Do you compile CUDA code (with nvcc)?"),
        help=mark(
            "PyTorch itself needs no toolkit: its wheels bring the CUDA libraries. Only building extensions from source does. Then CUDA_HOME and PATH are set to one toolkit, of the same CUDA major as the build. As Python packages, without root, the compiler exists from CUDA 13.0 on."
        ),
        choice_source="toolkits",
        when=("cuda.code",),
    ),
    Question(
        key="cuda_toolkit.version",
        meaning=mark("The version of the toolkit."),
        values=mark('auto (that of the chosen build), or a version in quotes: "13.0"'),
        prompt=mark("Which version of the CUDA toolkit?"),
        kind="text",
        choices=labelled(auto=mark("the one that the chosen build was made with")),
        typed=True,
    ),
    Question(
        key="cuda_toolkit.path",
        meaning=mark("The folder of an existing toolkit; null finds it."),
        values=mark("null, or an absolute path without a colon"),
        prompt=mark("Which CUDA toolkit?"),
        help=mark(
            "CUDA_HOME and PATH are set to this one. Its version should be that of the chosen build: compilers refuse a CUDA of another major version."
        ),
        kind="path",
        choice_source="toolkit-paths",
        typed=True,
        when=("toolkit.existing", "toolkits.several"),
    ),
    Question(
        key="cuda_toolkit.cudnn",
        meaning=mark("Whether the toolkit also gets cuDNN, for compiling against it."),
        values="true, false",
        prompt=mark("Add cuDNN to the toolkit?"),
        help=mark("PyTorch's CUDA builds bring their own cuDNN with its headers. It is added only where they do not."),
        kind="confirm",
    ),
)

_SHELL = (
    Question(
        key="shell.shells",
        meaning=mark("The shells whose start-up files get the managed block."),
        values=mark("auto (bash, zsh and those you use), none, or a list of shells such as [bash, fish, conda]"),
        prompt=mark("Which shells shall find PyTorch?"),
        help=mark(
            "A start-up file gets a few marked lines that read one file of torchup's own. `torchup undo` takes them out again, to the byte. With none, no start-up file is touched and you get the line to run yourself."
        ),
        choice_source="shells",
        typed=True,
        when=("shells",),
        decides=False,
    ),
    Question(
        key="shell.scope",
        meaning=mark("Whether only interactive shells or also scripts and remote commands get the settings."),
        values="interactive, all",
        prompt=mark("Which shells get the settings?"),
        choices=labelled(interactive=mark("interactive ones"), all=mark("all, also scripts and remote commands")),
        decides=False,
    ),
    Question(
        key="shell.ld_library_path",
        meaning=mark("Whether the toolkit's libraries go into LD_LIBRARY_PATH."),
        values=mark("auto (only if nothing else finds them, and last), always, never"),
        prompt=mark("Put the toolkit's libraries into LD_LIBRARY_PATH?"),
        help=mark(
            "PyTorch's wheels find their own libraries. A directory in LD_LIBRARY_PATH goes before them and can break them, so auto adds it only where it is needed and harmless."
        ),
        choices=labelled(auto=mark("only where it is needed and harmless"), never=mark("never"), always=mark("always")),
        decides=False,
    ),
    Question(
        key="shell.rc",
        meaning=mark("One start-up file to write to, in place of the usual ones."),
        values=mark("null, or an absolute path"),
        prompt=mark("Which start-up file?"),
        kind="path",
        choices=(Choice(value=None, label=mark("the usual ones")),),
        typed=True,
        decides=False,
    ),
    Question(
        key="shell.activate",
        meaning=mark("Whether every new interactive shell activates the environment."),
        values="true, false",
        prompt=mark("Activate the environment in every new shell?"),
        kind="confirm",
        decides=False,
    ),
)

_SOURCE = (
    Question(
        key="source.index",
        meaning=mark("The package index."),
        values=mark(
            "auto, pytorch (PyTorch's own), default (what pip and uv are configured with), conda-forge (conda environments only), or a URL"
        ),
        prompt=mark("Where shall wheels come from?"),
        help=mark(
            "auto looks at both and takes what serves the chosen build. A URL holds no password: leave that to ~/.netrc or to pip's and uv's own configuration."
        ),
        choices=labelled(
            auto=mark("whatever has the build"),
            pytorch=mark("PyTorch's own index"),
            default=mark("the index that pip and uv use"),
        ),
        typed=True,
    ),
    Question(
        key="source.mirror",
        meaning=mark("A mirror of PyTorch's index, with a folder for each variant."),
        values=mark("null, or a URL without user name and password"),
        prompt=mark("Which mirror of PyTorch's index?"),
        help=mark(
            "A mirror is a copy of PyTorch's index that your network reaches, with one folder below it for each variant, such as cu130. A proxy, certificates and folders with wheels can be given at the review, under every answer."
        ),
        kind="text",
        choice_source="mirrors",
        typed=True,
        rescues_from=("source.unreachable",),
    ),
    Question(
        key="source.find_links",
        meaning=mark("Folders or pages with wheels, looked at besides the index."),
        values=mark("a list of absolute paths and URLs"),
        prompt=mark("Which folders hold wheels?"),
        kind="text",
        choices=(Choice(value=(), label=mark("none")),),
        typed=True,
    ),
    Question(
        key="source.offline",
        meaning=mark("Whether to open no network connection and use only folders and caches."),
        values="true, false",
        prompt=mark("Work without the network?"),
        kind="confirm",
    ),
    Question(
        key="source.conda_channels",
        meaning=mark("The channels that conda packages come from, the most preferred first."),
        values=mark("a list of names and URLs; an empty list takes those that conda is configured with"),
        prompt=mark("Which conda channels?"),
        kind="text",
        choices=(
            Choice(value=("conda-forge",), label="conda-forge"),
            Choice(value=(), label=mark("conda's own configuration")),
        ),
        typed=True,
    ),
    Question(
        key="source.proxy",
        meaning=mark("The proxy for downloads."),
        values=mark("null (that of the environment), or a URL without user name and password"),
        prompt=mark("Which proxy?"),
        kind="text",
        choices=(Choice(value=None, label=mark("the one of the environment, if any")),),
        typed=True,
    ),
    Question(
        key="source.ca_bundle",
        meaning=mark("A file with certificates to trust in place of the usual ones."),
        values=mark("null, or an absolute path"),
        prompt=mark("Which certificates?"),
        kind="path",
        choices=(Choice(value=None, label=mark("the usual ones")),),
        typed=True,
    ),
)

_VERIFY = (
    Question(
        key="verify.level",
        meaning=mark("How deep the tensor test goes."),
        values=mark("quick (seconds), standard (a minute), full (minutes), none"),
        prompt=mark("How deep shall the test go?"),
        choices=labelled(
            quick=mark("quick: seconds"),
            standard=mark("standard: about a minute"),
            full=mark("full: minutes"),
            none=mark("no test"),
        ),
        decides=False,
    ),
    Question(
        key="verify.on_failure",
        meaning=mark("Whether a failed test fails the run."),
        values="fail, warn",
        prompt=mark("What if the test fails?"),
        choices=labelled(fail=mark("the run fails"), warn=mark("say so, and end well")),
        decides=False,
    ),
    Question(
        key="ask",
        meaning=mark("Sections that are asked for although this file answers them."),
        values=mark('a list of section names, or "*" for all'),
        prompt=mark("Which sections stay questions?"),
        kind="text",
        choices=(Choice(value=(), label=mark("none")),),
        typed=True,
        decides=False,
    ),
)

QUESTIONS: tuple[Question, ...] = (*GPUS, *TORCH, *PLACE, *_SYSTEM, *_SHELL, *_SOURCE, *_VERIFY)


@cache
def question_for(key: str) -> Question:
    """Give the question of a dotted key; raises KeyError for an unknown one."""
    return {question.key: question for question in QUESTIONS}[key]
