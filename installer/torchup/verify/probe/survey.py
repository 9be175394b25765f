"""One run over all checks, and its report."""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
from typing import Any, Callable, Mapping, Sequence

from .checks import BY_ID, Spec, chosen_checks
from .processes import IMPORT_SECONDS, MOST_CRASHES, ask_python
from .result import Result
from .scrubbing import relevant_variables, scrub
from .sentences import say, told
from .supervision import Worker, worker_arguments

SCHEMA = 1


class Survey:
    """One run over all checks; `emit` gets each check as soon as it is done."""

    def __init__(self, options: argparse.Namespace, emit: Callable[[dict[str, Any]], None]) -> None:
        self.options = options
        self.emit = emit
        self.checks: list[dict[str, Any]] = []
        self.environment: dict[str, Any] = {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "variables": relevant_variables(os.environ),
        }
        self.devices: list[dict[str, Any]] = []
        self.notes: dict[str, dict[str, Any]] = {}
        self.without_kernels: set[str] = set()
        self.group = "core"
        self.worker = Worker(worker_arguments(options), options.timeout_scale)

    def run(self) -> dict[str, Any]:
        """Run everything and give the report."""
        try:
            self.checks_in_order()
        finally:
            self.worker.stop()
        facts = self.environment
        report = {
            "schema": SCHEMA,
            "python": sys.executable,
            "level": self.options.level,
            "torch_version": facts.get("torch"),
            "variant": facts.get("variant"),
            "devices": [device["device"] for device in self.devices],
            "environment": {**facts, "devices": self.devices},
        }
        # Each check was scrubbed when it was added.
        report = report if self.options.no_scrub else scrub(report)
        return {**report, "checks": self.checks, "verdict": verdict(self.checks)}

    def checks_in_order(self) -> None:
        """Import first; then what is asked once; then everything for each device."""
        specs = chosen_checks(self.options.level, self.options.only)
        imported = self.worker.ask("import", "cpu", "cpu", IMPORT_SECONDS)
        if imported["status"] in ("fail", "timeout"):
            explain_import(imported, os.environ)
        self.add("import", "quick", None, imported)
        if imported["status"] not in ("pass", "warn"):
            self.not_reached([(spec, None) for spec in specs], say("torch could not be imported"))
            return
        for name in ("build", "visible"):
            spec = BY_ID[name]
            answer = self.worker.ask(name, "cpu", "cpu", spec.seconds)
            self.devices = (answer.get("extra") or {}).get("devices", self.devices)
            self.add(name, spec.level, None, answer)
        if self.options.device:
            self.devices = [device for device in self.devices if device["device"] == self.options.device]
            if not self.devices and self.options.device == "cpu":
                self.devices = [{"device": "cpu", "kind": "cpu", "name": platform.machine()}]
        per_device = [spec for spec in specs if spec.kinds and not spec.together and not spec.last]
        if not self.devices:
            self.not_reached([(spec, None) for spec in per_device], say("there is no device to test"))
        for device in self.devices:
            self.test_device(device, [spec for spec in per_device if device["kind"] in spec.kinds])
        for spec in specs:
            if spec.together:
                self.test_together(spec)
        for device in self.devices:
            for spec in specs:
                if spec.last and device["kind"] in spec.kinds:
                    self.worker.stop()
                    notes = self.notes.get(device["device"], {})
                    answer = self.worker.ask(spec.id, device["device"], device["kind"], spec.seconds, notes=notes)
                    self.add(spec.id, spec.level, device["device"], answer)

    def test_together(self, spec: Spec) -> None:
        """Run a check that uses all devices of one kind at once; a CPU stands for two devices."""
        fitting = [device for device in self.devices if device["kind"] in spec.kinds]
        if not fitting:
            return
        kind = fitting[0]["kind"]
        names = [device["device"] for device in fitting if device["device"] not in self.without_kernels]
        if kind == "cpu":
            names *= spec.together
        if len(names) < spec.together:
            self.add(
                spec.id, spec.level, None, skipped(say("needs {count} GPUs that can be used", count=spec.together))
            )
            return
        if self.group != spec.group:
            self.worker.stop()
            self.group = spec.group
        seconds = spec.seconds + (self.options.soak_seconds if spec.id == "soak" else 0)
        self.add(spec.id, spec.level, None, self.worker.ask(spec.id, names[0], kind, seconds, devices=names))

    def test_device(self, device: Mapping[str, Any], specs: Sequence[Spec]) -> None:
        """Run the checks of one device; give up on it after a few crashes in a row."""
        crashes = 0
        for position, spec in enumerate(specs):
            hindrance = spec.hindrance()
            if hindrance:
                self.add(spec.id, spec.level, device["device"], skipped(hindrance))
                continue
            if spec.group != self.group:
                self.worker.stop()
                self.group = spec.group
            answer = self.worker.ask(spec.id, device["device"], device["kind"], spec.seconds)
            self.add(spec.id, spec.level, device["device"], answer)
            rest = [(later, device["device"]) for later in specs[position + 1 :]]
            if spec.id == "arch" and answer["status"] == "fail":
                self.without_kernels.add(device["device"])
                without = str(answer["hint"]).startswith(("no-kernel-image", "rocm-unsupported"))
                reason = say("the build has no kernels for this GPU") if without else say("the GPU cannot be used")
                self.not_reached(rest, reason)
                return
            crashes = crashes + 1 if self.worker.process is None else 0
            if crashes >= MOST_CRASHES:
                self.not_reached(rest, say("{count} checks in a row ended the process", count=crashes))
                return

    def add(self, name: str, level: str, device: str | None, answer: dict[str, Any]) -> None:
        """Put one answer into the report."""
        extra = answer.pop("extra", None) or {}
        self.environment.update(extra.get("environment", {}))
        if device:
            self.notes.setdefault(device, {}).update(extra.get("notes", {}))
        value = answer.get("value")
        if isinstance(value, float) and not math.isfinite(value):
            answer["value"] = str(value)
        if isinstance(value, int) and not isinstance(value, bool):
            answer["value"] = float(value)
        if answer.get("threshold") is not None:
            answer["threshold"] = float(answer["threshold"])
        check = {"id": name, "level": level, "gpu": device, "reached": True, **answer}
        if not self.options.no_scrub:
            check = scrub(check)
        how = told(check["detail"])
        check["said"] = how if isinstance(how, dict) else None
        self.checks.append(check)
        self.emit(check)

    def not_reached(self, pairs: Sequence[tuple[Spec, str | None]], reason: str) -> None:
        """Say of each check that it did not run, and why."""
        for spec, device in pairs:
            if spec.id not in {check["id"] for check in self.checks if check["gpu"] == device}:
                self.add(spec.id, spec.level, device, {**skipped(reason), "reached": False})


def skipped(reason: str) -> dict[str, Any]:
    """Make the answer of a check that did not run."""
    return {**Result("skip", detail=reason)._asdict(), "seconds": 0.0}


def explain_import(answer: dict[str, Any], environ: Mapping[str, str]) -> None:
    """Import torch again without one variable at a time; what makes it work is the cause."""
    for names, cause in (
        (("LD_LIBRARY_PATH",), "library-path-shadows"),
        (("LD_PRELOAD",), "library-path-shadows"),
        (("PYTHONPATH", "PYTHONHOME"), "python-path-shadows"),
    ):
        present = [name for name in names if environ.get(name)]
        if not present:
            continue
        clean = {name: value for name, value in environ.items() if name not in names}
        if ask_python(["import torch", "print(torch.__version__)"], clean):
            shown = ", ".join(f"{name}={environ[name]}" for name in present)
            answer["detail"] = say(
                "{what}; without {settings} it can be imported", what=answer["detail"], settings=shown
            )
            if cause == "python-path-shadows" or answer["hint"] in (None, "torch-import-error", "native-crash"):
                answer["hint"] = cause
            return


def verdict(checks: Sequence[Mapping[str, Any]]) -> str:
    """Judge a run: fail, not-run (nothing was computed on some device), degraded or pass."""
    if any(check["status"] in ("fail", "timeout") for check in checks):
        return "fail"
    exact = [check for check in checks if check["id"].startswith("exact-")]
    proved = {check["gpu"] for check in exact if check["status"] == "pass"}
    if not proved or proved != {check["gpu"] for check in checks if check["gpu"] is not None}:
        return "not-run"
    return "degraded" if any(check["status"] in ("warn", "error") for check in checks) else "pass"
