"""The command line."""

from __future__ import annotations

import argparse
import json
from typing import Any, Mapping, Sequence

from .bench import SOAK_SECONDS, Wishes
from .checks import BY_ID, LEVELS, chosen_checks
from .excerpts import first_line
from .member import member
from .processes import STATUS_NOT_PROVED, STATUS_OK
from .survey import Survey
from .worker import work

DESCRIPTION = "Prove that a PyTorch installation computes correctly, on every device it can use."


def arguments_of(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tensor_probe.pyz", description=DESCRIPTION)
    parser.add_argument("--level", choices=LEVELS, default="quick")
    parser.add_argument("--json", action="store_true", help="print one JSON object: the report")
    parser.add_argument("--json-lines", action="store_true", help="print each check as a JSON line, then the report")
    parser.add_argument("--expect-version", metavar="V", help="the torch version that was planned")
    parser.add_argument("--expect-variant", metavar="NAME", help="the build that was planned: cpu, cu126, rocm7.2, xpu")
    parser.add_argument(
        "--gpu-expected", choices=("auto", "yes", "no"), default="auto", help="auto looks at the PCI bus"
    )
    parser.add_argument("--device", metavar="D", help="test only this device, such as cuda:1 or cpu")
    parser.add_argument(
        "--only", action="append", default=[], choices=sorted(BY_ID), help="run only this check, repeatable"
    )
    parser.add_argument("--timeout-scale", type=float, default=1.0, metavar="X", help="stretch every time limit")
    parser.add_argument(
        "--soak-seconds", type=float, default=SOAK_SECONDS, metavar="S", help="how long the soak of the level full runs"
    )
    parser.add_argument("--no-scrub", action="store_true", help="keep paths below home, host name and GPU serials")
    parser.add_argument("--list", action="store_true", help="list the checks of the level and stop")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--member", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if not options.soak_seconds > 0:
        parser.error("--soak-seconds must be above 0")
    if not options.timeout_scale > 0:
        parser.error("--timeout-scale must be above 0")
    return options


def show(check: Mapping[str, Any]) -> str:
    """Write one check as a line of text."""
    where = f" [{check['gpu']}]" if check["gpu"] else ""
    measured = ""
    if isinstance(check["value"], float):
        measured = f" {check['value']:.3g}"
        if check["threshold"] is not None:
            measured += f" (limit {check['threshold']:.3g})"
        measured += f" {check['unit'] or ''}"
    hint = f" [{check['hint']}]" if check["hint"] else ""
    reached = "" if check["reached"] else "not reached: "
    return f"{check['status']:7} {check['id']}{where}{measured.rstrip()}: {reached}{check['detail']}{hint}"


def main(argv: Sequence[str]) -> int:
    """Run the checks, print the report, give the exit status."""
    options = arguments_of(argv)
    if options.worker:
        wishes = Wishes(options.level, options.expect_version, options.expect_variant, options.gpu_expected)
        return work(wishes._replace(soak_seconds=options.soak_seconds, timeout_scale=options.timeout_scale))
    if options.member:
        return member(json.loads(options.member))
    if options.list:
        for spec in chosen_checks(options.level):
            print(f"{spec.id:14} {spec.level:9} {' '.join(spec.kinds) or 'once'}: {first_line(spec.run.__doc__ or '')}")
        return STATUS_OK

    def emit(check: dict[str, Any]) -> None:
        if options.json_lines:
            print(json.dumps({"check": check}), flush=True)
        elif not options.json:
            print(show(check), flush=True)

    report = Survey(options, emit).run()
    if options.json:
        print(json.dumps(report, indent=2))
    elif options.json_lines:
        print(json.dumps({"report": report}))
    else:
        print(f"verdict: {report['verdict']}")
    return STATUS_OK if report["verdict"] == "pass" else STATUS_NOT_PROVED
