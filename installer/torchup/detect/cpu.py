"""The processor: PyTorch's x86-64 wheels need AVX in practice, and run slowly without AVX2."""

from __future__ import annotations

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.words import tr

# The x86-64 psABI levels by the flags that /proc/cpuinfo shows; each level includes those before it.
_LEVELS = (
    ("x86-64-v2", {"cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"}),
    ("x86-64-v3", {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"}),
    ("x86-64-v4", {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
)
_FIRST_PROCESSOR = 16 * 1024


def note_cpu(host: Host, notes: Notes, arch: str) -> None:
    """Note a processor on which PyTorch crashes or crawls."""
    if arch not in {"x86_64", "amd64"}:
        return
    # The first processor tells; a server has hundreds, and the kernel takes its time to describe them all.
    content = host.read_bytes("/proc/cpuinfo", limit=_FIRST_PROCESSOR) or b""
    model, flags = parse_cpuinfo(content.decode("utf-8", "replace"))
    if not flags:
        return
    evidence = ", ".join((model or tr("unnamed processor"), x86_level(flags)))
    if "avx" not in flags:
        notes.add(
            "cpu-without-avx", tr("The processor shows no AVX: PyTorch may end with an illegal instruction."), evidence
        )
    elif "avx2" not in flags:
        notes.add("cpu-without-avx2", tr("The processor shows no AVX2: PyTorch runs, but slowly on the CPU."), evidence)


def parse_cpuinfo(text: str) -> tuple[str | None, frozenset[str]]:
    """Give the model name and the flags of the first processor in /proc/cpuinfo."""
    model: str | None = None
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name" and model is None:
            model = " ".join(value.split()) or None
        elif key.strip() == "flags":
            return model, frozenset(value.split())
    return model, frozenset()


def x86_level(flags: frozenset[str]) -> str:
    """Name the x86-64 level that a set of flags reaches."""
    reached = "x86-64-v1"
    for level, needed in _LEVELS:
        if not needed <= flags:
            break
        reached = level
    return reached
