"""The environment variables of torchup's own, in one table: what it exports, and what it reads.

Answers come from `TORCHUP_SET_…`, one name for each key of the answers file (`torchup.answers.overrides`). Before,
they came from names without `SET_`, and those are still read; whatever is exported must never look like one of them.
"""

from __future__ import annotations

PREFIX = "TORCHUP_"
ANSWERS = f"{PREFIX}SET_"
LANGUAGE = f"{PREFIX}LANG"
COMPLETION = f"_{PREFIX}COMPLETE"
CONDA = f"{PREFIX}CONDA_"

EXPORTED: dict[str, str] = {
    f"{PREFIX}ENVIRONMENT": "the folder of the PyTorch environment",
    f"{PREFIX}CUDA_HOME": "the CUDA_HOME that torchup has set, by which it knows its own from yours",
    f"{PREFIX}PATH_ENTRIES": "what torchup has put into PATH",
    f"{PREFIX}LIBRARY_ENTRIES": "what torchup has put into LD_LIBRARY_PATH",
}
"""What new shells find once torchup has set them up (on Windows, the account), with its meaning."""

EXPORTED_PREFIXES: dict[str, str] = {
    CONDA: "while a conda environment is active: what its variables were before",
}
"""Names that end in what differs from environment to environment."""

READ: dict[str, str] = {
    LANGUAGE: "the language of all texts: en or zh; otherwise the locale's",
    COMPLETION: "set by the shell's completion, which then gets words in place of a run",
}
"""What torchup reads beside answers, with its meaning."""

PASSING: dict[str, str] = {
    f"{PREFIX}ANNOUNCE": "on Windows, set and removed at once, so that programs hear of the change",
}
"""What nobody finds afterwards, with its meaning."""


def is_own(name: str) -> bool:
    """Tell whether a variable is one that torchup exports or reads for another purpose than an answer."""
    return name in EXPORTED or name in READ or name in PASSING or name.startswith(tuple(EXPORTED_PREFIXES))
