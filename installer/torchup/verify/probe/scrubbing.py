"""What a report may tell of the person and the machine."""

from __future__ import annotations

import os
import platform
import re
from typing import Any, Mapping

from .sentences import Listing, Sentence

VARIABLES = re.compile(
    r"(CUDA|NVIDIA|HIP|HSA|ROCR|ZE|SYCL|NCCL|PYTORCH|TORCH)_?\w*|LD_LIBRARY_PATH|LD_PRELOAD|PYTHON(PATH|HOME)|"
    r"OMP_NUM_THREADS|MKL_NUM_THREADS|VIRTUAL_ENV|CONDA_(PREFIX|DEFAULT_ENV)"
)
SECRET = re.compile(r"TOKEN|KEY|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)


def relevant_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Pick the variables that change how torch is found and runs; never a secret."""
    return {
        name: value for name, value in sorted(environ.items()) if VARIABLES.fullmatch(name) and not SECRET.search(name)
    }


def scrub(value: Any) -> Any:
    """Take out of a report what belongs to the person: the home folder, the host's name, GPU serials."""
    if isinstance(value, dict):
        return {key: scrub(item) for key, item in value.items()}
    if isinstance(value, list):
        return [scrub(item) for item in value]
    if isinstance(value, Sentence):
        # A template with fields is a text of this script. Scrubbed, it could not be found in a catalogue.
        template = value.template if value.texts else scrub(str(value))
        return Sentence(template, {name: scrub(text) for name, text in value.texts.items()})
    if isinstance(value, Listing):
        return Listing(map(scrub, value.texts), value.between)
    if isinstance(value, str):
        home = os.path.expanduser("~")  # noqa: PTH111 - a string is wanted
        if len(home) > 1:
            value = value.replace(home, "~")
        value = re.sub(r"\b(GPU|MIG)-[0-9a-fA-F-]{8,}", r"\1-...", value)
        host = platform.node()
        if host and host != "localhost":
            value = re.sub(rf"\b{re.escape(host)}\b", "<host>", value)
    return value
