"""The requirements file: the exact builds that were chosen, with their hashes where the source gives them."""

from __future__ import annotations

from torchup.model.offer import Offer
from torchup.model.resolution import TorchPick

HEADER = "# Written by torchup: exactly the builds that were chosen, with the hashes that their sources give.\n"


def pins(pick: TorchPick) -> tuple[str, ...]:
    """Name the distributions that must be installed afterwards, torch first."""
    if pick.wheels:
        return tuple(offer.pin for offer in pick.wheels)
    return (f"torch=={pick.version}", *(f"{name}=={version}" for name, version in pick.packages.items()))


def requirement_lines(pick: TorchPick) -> tuple[str, ...]:
    """Write one requirement a line, each with its hashes."""
    return offer_lines(pick.wheels) or pins(pick)


def offer_lines(offers: tuple[Offer, ...]) -> tuple[str, ...]:
    """Write one requirement a line for exactly these wheels, each with its hashes."""
    return tuple(_line(offer) for offer in offers)


def constraint_lines(pick: TorchPick) -> tuple[str, ...]:
    """Write the pins that keep PyTorch and its companions where they are; hashes do not belong into constraints."""
    return tuple(exact(offer) for offer in pick.wheels) or pins(pick)


def requirements_text(lines: tuple[str, ...]) -> str:
    """Write the file that holds these lines."""
    return HEADER + "".join(f"{line}\n" for line in lines)


def exact(offer: Offer) -> str:
    """Name exactly this build for an installer.

    `torch==2.13.0` would also take `2.13.0+cu126` when a source has both (PEP 440); `===` does not.
    """
    return offer.pin if offer.local else offer.pin.replace("==", "===", 1)


def _line(offer: Offer) -> str:
    hashes = [f"--hash={algorithm}:{digest}" for algorithm, digest in offer.strong_hashes]
    return " ".join([exact(offer), *hashes])


def hashed(line: str) -> bool:
    """Tell whether a requirement line carries a hash."""
    return "--hash=" in line
