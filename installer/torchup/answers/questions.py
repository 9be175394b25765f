"""Every key of the answers, in the order in which the wizard asks and the file lists them.

This is the one definition: the wizard's questions, the comments of written files, the descriptions in the JSON
Schema and the reference page all come from it. At most eight of them are asked in a first run.
"""

from __future__ import annotations

from functools import cache

from torchup.answers.question import Choice, Question


def _choices(**labels: str) -> tuple[Choice, ...]:
    return tuple(Choice(value=value, label=label) for value, label in labels.items())


SECTION_MEANINGS = {
    "torch": "Which PyTorch.",
    "python": "Which Python it runs on.",
    "environment": "Where it goes.",
    "driver": "What may be done about the NVIDIA driver.",
    "cuda_toolkit": "A CUDA toolkit to compile with. PyTorch's wheels need none.",
    "shell": "What goes into the start-up files of the shells.",
    "source": "Where wheels come from.",
    "gpus": "Which GPUs PyTorch is to run on.",
    "verify": "The tensor test at the end.",
}

_GPUS = (
    Question(
        key="gpus.use",
        meaning="The GPUs that the chosen build must run on.",
        values="all, or a list of indexes and UUIDs: [0, GPU-1b2c...]",
        prompt="Which GPUs shall PyTorch run on?",
        help="One build has to fit every GPU that you name. An old card beside a new one can hold the whole set-up "
        "back, or leave no build that serves both. `torchup detect` shows the indexes.",
        choice_source="gpus",
        typed=True,
        when=("gpus.several",),
    ),
)

_TORCH = (
    Question(
        key="torch.variant",
        meaning="The build of PyTorch: for CUDA, ROCm, Intel GPUs, or the CPU alone.",
        values="auto, cpu, cu126 (CUDA 12.6) and the like, rocm7.2 and the like, xpu",
        prompt="Which build of PyTorch?",
        help="The wheel brings its own CUDA libraries; only the driver of the machine has to be new enough, and the "
        "build has to hold code for your GPU. auto looks at both and takes the newest that runs on every GPU in use. "
        "It never takes the CPU build in place of a GPU build without saying so.",
        choice_source="variants",
        typed=True,
        when=("gpu",),
    ),
    Question(
        key="torch.version",
        meaning="The release of PyTorch.",
        values='latest, "2.13.0", "2.13" (any 2.13), or a PEP 440 specifier such as ">=2.12,<2.14"',
        prompt="Which release of PyTorch?",
        help="latest takes the newest release that runs on this machine, which on old GPUs is not the newest of all. "
        "A release that you pin is never replaced: if it does not fit, torchup says so.",
        kind="text",
        choices=_choices(latest="the newest that fits"),
        typed=True,
    ),
    Question(
        key="torch.packages",
        meaning="What is installed of PyTorch's own packages.",
        values="a list; torch is always in it",
        prompt="Which packages?",
        help="The companions are taken in the release that belongs to the chosen torch.",
        choices=(
            Choice(value=("torch", "torchvision", "torchaudio"), label="torch, torchvision and torchaudio"),
            Choice(value=("torch", "torchvision"), label="torch and torchvision"),
            Choice(value=("torch",), label="torch alone"),
        ),
        typed=True,
    ),
)

_PLACE = (
    Question(
        key="python.version",
        meaning="The Python that the environment is made with.",
        values='auto, "3.12", "3.13t" (free-threaded), or the path of an interpreter',
        prompt="Which Python?",
        help="auto takes the newest Python of this machine that PyTorch has wheels for. A version that the machine "
        "lacks is fetched by uv into its own folder; the system's Python is never changed.",
        choice_source="pythons",
        typed=True,
        when=("pythons.several",),
    ),
    Question(
        key="environment.kind",
        meaning="The kind of environment.",
        values="venv, conda, existing (one that is there already, at path)",
        prompt="What kind of environment?",
        help="A venv is a folder of its own, made by Python's own means. A conda environment lives beside your other "
        "ones and is activated by conda. An existing environment is changed only because you name it here.",
        choice_source="environment-kinds",
        when=("environments",),
    ),
    Question(
        key="environment.path",
        meaning="The folder of the environment; for conda, the name counts instead.",
        values="an absolute path, or one that begins with ~/",
        prompt="Which folder shall the environment live in?",
        help="The folder is made if it is missing. One that holds something else is not touched. PyTorch with CUDA "
        "takes 5 to 8 GB.",
        kind="path",
        choice_source="environments",
        typed=True,
        when=("!kind.conda",),
        decides=False,
    ),
    Question(
        key="environment.name",
        meaning="The name of the conda environment.",
        values="a name",
        prompt="What shall the conda environment be called?",
        help="It is made in conda's own folder of environments: `conda activate NAME` uses it.",
        kind="text",
        choices=_choices(torch="torch"),
        typed=True,
        when=("kind.conda",),
        decides=False,
    ),
    Question(
        key="environment.jupyter_kernel",
        meaning="Whether the environment is offered as a kernel in Jupyter.",
        values="true, false",
        prompt="Offer the environment as a Jupyter kernel?",
        kind="confirm",
        decides=False,
    ),
    Question(
        key="environment.extras",
        meaning="Other packages to install beside PyTorch.",
        values='a list of requirements, or of the sets notebook, transformers, diffusers, lightning: [notebook, "pandas>=2"]',
        prompt="Which other packages?",
        help="A set is a few packages under one name: notebook is notebook, ipywidgets and matplotlib. Whatever is "
        "installed, PyTorch stays the build that was chosen.",
        kind="text",
        choices=(Choice(value=(), label="none"),),
        typed=True,
        decides=False,
    ),
    Question(
        key="environment.installer",
        meaning="The program that installs the packages.",
        values="uv (fast), pip",
        prompt="Which program installs the packages?",
        choices=_choices(uv="uv: fast, comes with torchup", pip="pip: the environment's own"),
        decides=False,
    ),
)

_SYSTEM = (
    Question(
        key="driver.action",
        meaning="What to do when the NVIDIA driver is missing or too old.",
        values="auto (say what is needed, install nothing), keep (choose only what the driver runs), install (as system "
        "packages, with root)",
        prompt="Install the NVIDIA driver now?",
        help="The driver is part of the system: installing it needs root and a restart. torchup takes it from your "
        "distribution or from NVIDIA's repository, keeps it on the branch that serves your GPUs, and shows every command "
        "at the review. Where Secure Boot is on, a key may have to be confirmed at the machine's own console.",
        choice_source="driver",
        when=("driver.change",),
        dangerous=True,
    ),
    Question(
        key="driver.branch",
        meaning="The driver branch to install.",
        values='auto, or a branch in quotes: "580"',
        prompt="Which driver branch?",
        help="auto takes the long-term branch that serves all GPUs in use, and a newer one only where a GPU needs it.",
        kind="text",
        choices=_choices(auto="the one that serves every GPU"),
        typed=True,
    ),
    Question(
        key="driver.module",
        meaning="The flavour of the driver's kernel module.",
        values="auto, open, proprietary",
        prompt="Which kernel module?",
        help="The newest GPUs need the open module, and those before Turing the proprietary one. auto knows which.",
        choices=_choices(auto="the one that the GPUs need", open="open", proprietary="proprietary"),
    ),
    Question(
        key="cuda_toolkit.source",
        meaning="The CUDA toolkit that CUDA_HOME names.",
        values="none, auto, existing, wheel (no root), system (root), conda",
        prompt="Do you compile CUDA code (with nvcc)?",
        help="PyTorch itself needs no toolkit: its wheels bring the CUDA libraries. Only building extensions from "
        "source does. Then CUDA_HOME and PATH are set to one toolkit, of the same CUDA major as the build. As Python "
        "packages, without root, the compiler exists from CUDA 13.0 on.",
        choice_source="toolkits",
        when=("nvidia.or.toolkit",),
    ),
    Question(
        key="cuda_toolkit.version",
        meaning="The version of the toolkit.",
        values='auto (that of the chosen build), or a version in quotes: "13.0"',
        prompt="Which version of the CUDA toolkit?",
        kind="text",
        choices=_choices(auto="the one that the chosen build was made with"),
        typed=True,
    ),
    Question(
        key="cuda_toolkit.path",
        meaning="The folder of an existing toolkit; null finds it.",
        values="null, or an absolute path without a colon",
        prompt="Which CUDA toolkit?",
        help="CUDA_HOME and PATH are set to this one. Its version should be that of the chosen build: compilers refuse "
        "a CUDA of another major version.",
        kind="path",
        choice_source="toolkit-paths",
        typed=True,
        when=("toolkit.existing", "toolkits.several"),
    ),
    Question(
        key="cuda_toolkit.cudnn",
        meaning="Whether the toolkit also gets cuDNN, for compiling against it.",
        values="true, false",
        prompt="Add cuDNN to the toolkit?",
        help="PyTorch's CUDA builds bring their own cuDNN with its headers. It is added only where they do not.",
        kind="confirm",
    ),
)

_SHELL = (
    Question(
        key="shell.shells",
        meaning="The shells whose start-up files get the managed block.",
        values="auto (bash, zsh and those you use), none, or a list: [bash, zsh, fish, csh, tcsh, ksh, dash, conda, powershell]",
        prompt="Which shells shall find PyTorch?",
        help="A start-up file gets a few marked lines that read one file of torchup's own. `torchup undo` takes them "
        "out again, to the byte. With none, no start-up file is touched and you get the line to run yourself.",
        choice_source="shells",
        typed=True,
        when=("shells",),
        decides=False,
    ),
    Question(
        key="shell.scope",
        meaning="Whether only interactive shells or also scripts and remote commands get the settings.",
        values="interactive, all",
        prompt="Which shells get the settings?",
        choices=_choices(interactive="interactive ones", all="all, also scripts and remote commands"),
        decides=False,
    ),
    Question(
        key="shell.ld_library_path",
        meaning="Whether the toolkit's libraries go into LD_LIBRARY_PATH.",
        values="auto (only if nothing else finds them, and last), always, never",
        prompt="Put the toolkit's libraries into LD_LIBRARY_PATH?",
        help="PyTorch's wheels find their own libraries. A directory in LD_LIBRARY_PATH goes before them and can break "
        "them, so auto adds it only where it is needed and harmless.",
        choices=_choices(auto="only where it is needed and harmless", never="never", always="always"),
        decides=False,
    ),
    Question(
        key="shell.rc",
        meaning="One start-up file to write to, in place of the usual ones.",
        values="null, or an absolute path",
        prompt="Which start-up file?",
        kind="path",
        choices=(Choice(value=None, label="the usual ones"),),
        typed=True,
        decides=False,
    ),
    Question(
        key="shell.activate",
        meaning="Whether every new interactive shell activates the environment.",
        values="true, false",
        prompt="Activate the environment in every new shell?",
        kind="confirm",
        decides=False,
    ),
)

_SOURCE = (
    Question(
        key="source.index",
        meaning="The package index.",
        values="auto, pytorch (PyTorch's own), default (what pip and uv are configured with), conda-forge (conda environments "
        "only), or a URL",
        prompt="Where shall wheels come from?",
        help="auto looks at both and takes what serves the chosen build. A URL holds no password: leave that to "
        "~/.netrc or to pip's and uv's own configuration.",
        choices=_choices(
            auto="whatever has the build", pytorch="PyTorch's own index", default="the index that pip and uv use"
        ),
        typed=True,
    ),
    Question(
        key="source.mirror",
        meaning="A mirror of PyTorch's index, with a folder for each variant.",
        values="null, or a URL without user name and password",
        prompt="Which mirror of PyTorch's index?",
        kind="text",
        choices=(Choice(value=None, label="none"),),
        typed=True,
    ),
    Question(
        key="source.find_links",
        meaning="Folders or pages with wheels, looked at besides the index.",
        values="a list of absolute paths and URLs",
        prompt="Which folders hold wheels?",
        kind="text",
        choices=(Choice(value=(), label="none"),),
        typed=True,
    ),
    Question(
        key="source.offline",
        meaning="Whether to open no network connection and use only folders and caches.",
        values="true, false",
        prompt="Work without the network?",
        kind="confirm",
    ),
    Question(
        key="source.conda_channels",
        meaning="The channels that conda packages come from, the most preferred first.",
        values="a list of names and URLs; an empty list takes those that conda is configured with",
        prompt="Which conda channels?",
        kind="text",
        choices=(
            Choice(value=("conda-forge",), label="conda-forge"),
            Choice(value=(), label="conda's own configuration"),
        ),
        typed=True,
    ),
    Question(
        key="source.proxy",
        meaning="The proxy for downloads.",
        values="null (that of the environment), or a URL without user name and password",
        prompt="Which proxy?",
        kind="text",
        choices=(Choice(value=None, label="the one of the environment, if any"),),
        typed=True,
    ),
    Question(
        key="source.ca_bundle",
        meaning="A file with certificates to trust in place of the usual ones.",
        values="null, or an absolute path",
        prompt="Which certificates?",
        kind="path",
        choices=(Choice(value=None, label="the usual ones"),),
        typed=True,
    ),
)

_VERIFY = (
    Question(
        key="verify.level",
        meaning="How deep the tensor test goes.",
        values="quick (seconds), standard (a minute), full (minutes), none",
        prompt="How deep shall the test go?",
        choices=_choices(
            quick="quick: seconds", standard="standard: about a minute", full="full: minutes", none="no test"
        ),
        decides=False,
    ),
    Question(
        key="verify.on_failure",
        meaning="Whether a failed test fails the run.",
        values="fail, warn",
        prompt="What if the test fails?",
        choices=_choices(fail="the run fails", warn="say so, and end well"),
        decides=False,
    ),
    Question(
        key="ask",
        meaning="Sections that are asked for although this file answers them.",
        values='a list of section names, or "*" for all',
        prompt="Which sections stay questions?",
        kind="text",
        choices=(Choice(value=(), label="none"),),
        typed=True,
        decides=False,
    ),
)

QUESTIONS: tuple[Question, ...] = (*_GPUS, *_TORCH, *_PLACE, *_SYSTEM, *_SHELL, *_SOURCE, *_VERIFY)


@cache
def question_for(key: str) -> Question:
    """Give the question of a dotted key; raises KeyError for an unknown one."""
    return {question.key: question for question in QUESTIONS}[key]
