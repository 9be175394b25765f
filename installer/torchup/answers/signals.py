"""Named yes-or-no statements about a machine and a decision, which decide what is worth asking."""

from __future__ import annotations

from collections import Counter

from torchup.knowledge.recipes import offered
from torchup.model.facts import MachineFacts, Python
from torchup.model.request import Request
from torchup.model.resolution import Resolution

OLDEST_PYTHON = (3, 10)
WIDTH_BITS = 64


def signals(facts: MachineFacts, request: Request, resolution: Resolution) -> frozenset[str]:
    """Give the statements that hold; `Question.when` names them."""
    vendors = Counter(gpu.vendor for gpu in facts.gpus)
    serving = resolution.torch.variant if resolution.torch is not None else None
    # An integrated Intel GPU beside no other card is a question only where a build for it was found.
    has_gpu = bool(vendors["nvidia"] or vendors["amd"] or serving == "xpu") and facts.os.system != "darwin"
    found = {
        "gpu": has_gpu,
        "gpus.several": vendors["nvidia"] > 1 or vendors["amd"] > 1 or bool(settings_offered(resolution, "gpus.use")),
        "pythons.several": len({python_name(python) for python in usable_pythons(facts)}) > 1,
        "environments": bool(facts.conda) or any(python.kind in ("venv", "conda") for python in facts.pythons),
        f"kind.{request.environment.kind}": True,
        "cuda.code": bool(vendors["nvidia"] or facts.toolkits) and not (serving or "").startswith(("rocm", "xpu")),
        "toolkit.existing": request.cuda_toolkit.source == "existing",
        "toolkits.several": len(facts.toolkits) > 1,
        "driver.change": resolution.driver.action in ("install", "upgrade") and bool(offered(facts)),
        "source.unreachable": any(reason.code == "source-unreachable" for reason in resolution.reasons),
        "shells": facts.os.system != "windows",
    }
    return frozenset(name for name, holds in found.items() if holds)


def settings_offered(resolution: Resolution, key: str) -> tuple[tuple[str, str], ...]:
    """Give the values of a key, as text, that the decision names as a way on, each with its sentence."""
    return tuple(
        (setting.partition("=")[2], step.text)
        for step in resolution.next_steps
        for setting in step.settings
        if setting.partition("=")[0] == key
    )


def holds(when: tuple[str, ...], signs: frozenset[str]) -> bool:
    """Tell whether all conditions hold; `!` in front of a name turns it round."""
    return all((name.removeprefix("!") in signs) != name.startswith("!") for name in when)


def usable_pythons(facts: MachineFacts) -> tuple[Python, ...]:
    """Give the interpreters that PyTorch may have wheels for: CPython, 64 bit, not older than 3.10."""
    return tuple(
        python
        for python in facts.pythons
        if python.implementation == "cpython" and python.bits == WIDTH_BITS and minor_version(python) >= OLDEST_PYTHON
    )


def minor_version(python: Python) -> tuple[int, int]:
    """Give `(3, 12)` for a Python 3.12.3, and `(0, 0)` for a version that cannot be read."""
    major, _, rest = python.version.partition(".")
    minor = rest.partition(".")[0]
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else (0, 0)


def python_name(python: Python) -> str:
    """Give what an answers file calls it: `3.12`, or `3.13t` for a free-threaded one."""
    major, minor = minor_version(python)
    return f"{major}.{minor}{'t' if python.free_threaded else ''}"
