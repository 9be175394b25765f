"""Packages that are built for one torch."""

from __future__ import annotations

import importlib
import importlib.util

from .bench import Bench
from .excerpts import first_line
from .result import Result
from .sentences import say
from .symptoms import cause_of

COMPANIONS = ("numpy", "torchvision", "torchaudio", "triton", "xformers", "flash_attn", "bitsandbytes")


def installed_companions() -> list[str]:
    """Name the companions that are installed, without importing them."""
    return [name for name in COMPANIONS if importlib.util.find_spec(name)]


def check_companions(bench: Bench) -> Result:
    """Import each companion that is installed, and let torchvision and numpy work with torch."""
    torch = bench.torch
    found = installed_companions()
    said = []
    for name in found:
        try:
            module = importlib.import_module(name)
            if name == "torchvision":
                boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [1.0, 1.0, 11.0, 11.0], [20.0, 20.0, 30.0, 30.0]])
                scores = torch.tensor([0.9, 0.8, 0.7])
                kept = module.ops.nms(bench.put(boxes), bench.put(scores), 0.5)
                if bench.back(kept).tolist() != [0, 2]:
                    detail = say("torchvision.ops.nms kept {boxes}", boxes=str(kept.tolist()))
                    return Result("fail", detail=detail, hint="wrong-results")
            if name == "numpy" and torch.from_numpy(module.arange(3)).sum().item() != 3:  # noqa: PLR2004 - 0 + 1 + 2
                return Result("fail", detail=say("numpy arrays do not arrive in torch"), hint="numpy2-abi")
        except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
            text = f"{name}: {type(error).__name__}: {first_line(str(error))}"
            return Result("fail", name, detail=text, hint=cause_of(str(error)) or "companion-broken")
        said.append(f"{name} {getattr(module, '__version__', '')}".strip())
    return Result("pass", len(found), "packages", None, ", ".join(said))
