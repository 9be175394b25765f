"""The questions about PyTorch itself: the GPUs it runs on, its build, and the environment it goes into."""

from __future__ import annotations

from torchup.answers.question import Choice, Question, labelled
from torchup.words import mark

GPUS = (
    Question(
        key="gpus.use",
        meaning=mark("The GPUs that the chosen build must run on."),
        values=mark("all, or a list of indexes and UUIDs: [0, GPU-1b2c...]"),
        prompt=mark("Which GPUs shall PyTorch run on?"),
        help=mark(
            "One build has to fit every GPU that you name. An old card beside a new one can hold the whole set-up back, or leave no build that serves both. `torchup detect` shows the indexes."
        ),
        choice_source="gpus",
        typed=True,
        when=("gpus.several",),
    ),
)

TORCH = (
    Question(
        key="torch.variant",
        meaning=mark("The build of PyTorch: for CUDA, ROCm, Intel GPUs, or the CPU alone."),
        values=mark("auto, cpu, cu126 (CUDA 12.6) and the like, rocm7.2 and the like, xpu"),
        prompt=mark("Which build of PyTorch?"),
        help=mark(
            "The wheel brings its own CUDA libraries; only the driver of the machine has to be new enough, and the build has to hold code for your GPU. auto looks at both and takes the newest that runs on every GPU in use. It never takes the CPU build in place of a GPU build without saying so."
        ),
        choice_source="variants",
        typed=True,
        when=("gpu",),
    ),
    Question(
        key="torch.version",
        meaning=mark("The release of PyTorch."),
        values=mark('latest, "2.13.0", "2.13" (any 2.13), or a PEP 440 specifier such as ">=2.12,<2.14"'),
        prompt=mark("Which release of PyTorch?"),
        help=mark(
            "latest takes the newest release that runs on this machine, which on old GPUs is not the newest of all. A release that you pin is never replaced: if it does not fit, torchup says so."
        ),
        kind="text",
        choices=labelled(latest=mark("the newest that fits")),
        typed=True,
    ),
    Question(
        key="torch.packages",
        meaning=mark("What is installed of PyTorch's own packages."),
        values=mark("a list; torch is always in it"),
        prompt=mark("Which packages?"),
        help=mark("The companions are taken in the release that belongs to the chosen torch."),
        choices=(
            Choice(value=("torch", "torchvision", "torchaudio"), label=mark("torch, torchvision and torchaudio")),
            Choice(value=("torch", "torchvision"), label=mark("torch and torchvision")),
            Choice(value=("torch",), label=mark("torch alone")),
        ),
        typed=True,
    ),
)

PLACE = (
    Question(
        key="python.version",
        meaning=mark("The Python that the environment is made with."),
        values=mark('auto, "3.12", "3.13t" (free-threaded), or the path of an interpreter'),
        prompt=mark("Which Python?"),
        help=mark(
            "auto takes the newest Python of this machine that PyTorch has wheels for. A version that the machine lacks is fetched by uv into its own folder; the system's Python is never changed."
        ),
        choice_source="pythons",
        typed=True,
        when=("pythons.several",),
    ),
    Question(
        key="environment.kind",
        meaning=mark("The kind of environment."),
        values=mark("venv, conda, existing (one that is there already, at path)"),
        prompt=mark("What kind of environment?"),
        help=mark(
            "A venv is a folder of its own, made by Python's own means. A conda environment lives beside your other ones and is activated by conda. An existing environment is changed only because you name it here."
        ),
        choice_source="environment-kinds",
        when=("environments",),
    ),
    Question(
        key="environment.path",
        meaning=mark("The folder of the environment; for conda, the name counts instead."),
        values=mark("an absolute path, or one that begins with ~/"),
        prompt=mark("Which folder shall the environment live in?"),
        help=mark(
            "The folder is made if it is missing. One that holds something else is not touched. PyTorch with CUDA takes 5 to 8 GB."
        ),
        kind="path",
        choice_source="environments",
        typed=True,
        when=("!kind.conda",),
        decides=False,
    ),
    Question(
        key="environment.name",
        meaning=mark("The name of the conda environment."),
        values=mark("a name"),
        prompt=mark("What shall the conda environment be called?"),
        help=mark("It is made in conda's own folder of environments: `conda activate NAME` uses it."),
        kind="text",
        choices=labelled(torch="torch"),
        typed=True,
        when=("kind.conda",),
        decides=False,
    ),
    Question(
        key="environment.jupyter_kernel",
        meaning=mark("Whether the environment is offered as a kernel in Jupyter."),
        values="true, false",
        prompt=mark("Offer the environment as a Jupyter kernel?"),
        kind="confirm",
        decides=False,
    ),
    Question(
        key="environment.extras",
        meaning=mark("Other packages to install beside PyTorch."),
        values=mark(
            'a list of requirements, or of the sets notebook, transformers, diffusers, lightning: [notebook, "pandas>=2"]'
        ),
        prompt=mark("Which other packages?"),
        help=mark(
            "A set is a few packages under one name: notebook is notebook, ipywidgets and matplotlib. Whatever is installed, PyTorch stays the build that was chosen."
        ),
        kind="text",
        choices=(Choice(value=(), label=mark("none")),),
        typed=True,
        decides=False,
    ),
    Question(
        key="environment.installer",
        meaning=mark("The program that installs the packages."),
        values=mark("uv (fast), pip"),
        prompt=mark("Which program installs the packages?"),
        choices=labelled(uv=mark("uv: fast, comes with torchup"), pip=mark("pip: the environment's own")),
        decides=False,
    ),
)
