"""The layers in the order in which they are looked at, and what each stands on; and the whole diagnosis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from torchup.model.diagnosis import Diagnosis, LayerName, LayerResult
from torchup.verify.causes import explain
from torchup.verify.doctor.engine import Layer, examine
from torchup.verify.doctor.loader import look_at_loader, look_at_logs, look_at_startup_files, look_at_torch
from torchup.verify.doctor.machine import look
from torchup.verify.doctor.software import look_at_interpreter, look_at_packages
from torchup.verify.doctor.subject import Subject
from torchup.verify.doctor.toolchain import look_at_toolchain


def _on(*names: LayerName) -> Iterable[LayerName]:
    return names


def _torch_needs(subject: Subject) -> Iterable[LayerName]:
    software: tuple[LayerName, ...] = ("interpreter", "packages", "loader")
    # A build for the CPU computes whatever the driver does.
    return (
        software if subject.variant == "cpu" else ("bus", "firmware", "kernel", "devices", "driver", "masks", *software)
    )


LAYERS = (
    Layer(name="bus", look=look("bus")),
    Layer(name="firmware", look=look("firmware"), needs=lambda _: _on("bus")),
    Layer(name="kernel", look=look("kernel"), needs=lambda _: _on("bus", "firmware")),
    Layer(name="devices", look=look("devices"), needs=lambda _: _on("kernel")),
    Layer(name="driver", look=look("driver"), needs=lambda _: _on("kernel", "devices")),
    Layer(name="masks", look=look("masks"), needs=lambda _: _on("driver")),
    Layer(name="interpreter", look=look_at_interpreter),
    Layer(name="packages", look=look_at_packages, needs=lambda _: _on("interpreter")),
    Layer(name="loader", look=look_at_loader, needs=lambda _: _on("interpreter", "packages")),
    Layer(name="torch", look=look_at_torch, needs=_torch_needs),
    Layer(name="toolchain", look=look_at_toolchain, needs=lambda _: _on("interpreter", "packages")),
    Layer(name="shell", look=look_at_startup_files),
    Layer(name="logs", look=look_at_logs),
)


def diagnose(subject: Subject, *, chosen_by: str | None = None) -> Diagnosis:
    """Look at every layer and judge the whole: `blocked` with a blocker anywhere, `degraded` with anything less than right."""
    layers = examine(subject, LAYERS)
    python = subject.interpreter.path if subject.interpreter else None
    names = dict.fromkeys(found.cause for layer in layers for found in layer.found)
    return Diagnosis(
        status=_status(layers),
        python=python,
        chosen_by=chosen_by,
        layers=layers,
        causes=explain(names, subject.facts, python),
        report=subject.report,
    )


def _status(layers: tuple[LayerResult, ...]) -> Literal["ok", "degraded", "blocked"]:
    statuses = {layer.status for layer in layers}
    if "blocker" in statuses:
        return "blocked"
    return "degraded" if "degraded" in statuses else "ok"
