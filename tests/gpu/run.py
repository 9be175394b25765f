"""The tensor test on this machine's GPUs at every level, and the wrong operations that it must catch there.

    python3 tests/gpu/run.py [--level quick --level standard ...] [--out FOLDER]

Needs a Python with torch and nothing else. It keeps each report as JSON, and as a page where torchup can
be imported, and compares what was measured with the table of cards. Exit status: 0 all is right, 1 a
check failed, warned or could not run, or a wrong operation was not caught, 2 there is nothing to test.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCES = CHECKOUT / "installer"
PROBE_SCRIPT = SOURCES / "torchup" / "verify" / "probe_script.py"
WRONG_KERNELS = CHECKOUT / "tests" / "support" / "wrong_kernels.py"
LEVELS = ("quick", "standard", "full")
# Seconds for one GPU after torch was imported, and the checks that count against them.
MOST_SECONDS = {"quick": 10.0, "standard": 90.0, "full": 900.0}
SPEEDS = ("tflops", "tflops-fp32", "membw", "pcie")


def main(argv: Sequence[str] | None = None) -> int:
    """Run everything that was asked for and say what is wrong."""
    options = arguments_of(argv)
    problems: list[str] = []
    reports: dict[str, Any] = {}
    with script_file() as script:
        for level in options.level or LEVELS:
            print(f"== {level}", flush=True)
            report = reports[level] = probed(script, level, options)
            if report is None:
                print("the tensor test ended without a report")
                return 2
            problems += problems_of(level, report)
    last = list(reports.values())[-1]
    if not last["devices"] or (last["devices"] == ["cpu"] and not options.device):
        print("\nno GPU that torch can use: see the check `visible` above")
        return 2
    print_speeds(last)
    if not options.no_wrong_kernels:
        for device in last["devices"]:
            answers = answered([str(WRONG_KERNELS), "--device", device])
            reports[f"wrong-kernels-{device.replace(':', '-')}"] = answers
            missed = [
                f"{device} {name}: {answer}"
                for name, answer in sorted(answers.items())
                if not as_it_should_be(name, answer)
            ]
            print(
                f"{device}: {len(answers)} right and wrong operations tried, {len(missed)} not judged as they should be"
            )
            problems += missed
    if options.out:
        keep(options.out, reports)
    print("\n" + ("all is right" if not problems else f"{len(problems)} problems:\n  " + "\n  ".join(problems)))
    return 1 if problems else 0


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--level", action="append", choices=LEVELS, help="only this level, repeatable; all by default")
    parser.add_argument("--out", type=Path, help="a folder for the reports")
    parser.add_argument("--device", help="only this device; cpu tries this script where there is no GPU")
    parser.add_argument("--soak-seconds", default="300", help="how long the soak of the level full runs")
    parser.add_argument("--no-wrong-kernels", action="store_true", help="leave out the wrong operations")
    return parser.parse_args(argv)


def script_file() -> contextlib.AbstractContextManager[Path]:
    """Give the script of the tensor test, from the file that joins it: torchup itself cannot be imported here."""
    spec = importlib.util.spec_from_file_location("probe_script", PROBE_SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    joiner: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(joiner)
    file: contextlib.AbstractContextManager[Path] = joiner.script_file()
    return file


def probed(script: Path, level: str, options: argparse.Namespace) -> Any:
    """Run the probe, show each check when it is done, and give its report; None when it gave none."""
    command = [sys.executable, str(script), "--json-lines", "--level", level, "--soak-seconds", options.soak_seconds]
    command += (
        ["--gpu-expected", "no", "--device", options.device] if options.device == "cpu" else ["--gpu-expected", "yes"]
    )
    if options.device and options.device != "cpu":
        command += ["--device", options.device]
    report = None
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, universal_newlines=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            found = json.loads(line)
            report = found.get("report", report)
            if "check" in found:
                print(line_of(found["check"]), flush=True)
    if report:
        print(f"verdict: {report['verdict']}, {time.monotonic() - start:.0f} s in all", flush=True)
    return report


def line_of(check: dict[str, Any]) -> str:
    """Write one check as a line."""
    value = f" {check['value']:.4g} {check['unit'] or ''}" if isinstance(check["value"], float) else ""
    hint = f" [{check['hint']}]" if check["hint"] else ""
    said = check["detail"] if check["reached"] else f"not reached: {check['detail']}"
    return f"{check['status']:8}{check['gpu'] or '-':8}{check['id']:14}{check['seconds']:7.1f} s{value}  {said}{hint}"


def problems_of(level: str, report: dict[str, Any]) -> list[str]:
    """List what is not as it should be in a report, its time included."""
    found = [f"{level}: {line_of(check)}" for check in report["checks"] if check["status"] not in ("pass", "skip")]
    for device in report["devices"]:
        seconds = sum(check["seconds"] for check in report["checks"] if check["gpu"] == device)
        print(f"{device}: {seconds:.1f} s in its checks, at most {MOST_SECONDS[level]:.0f} s are meant")
        if seconds > MOST_SECONDS[level]:
            found.append(f"{level}: {device} took {seconds:.1f} s, more than {MOST_SECONDS[level]:.0f} s")
    return found


def print_speeds(report: dict[str, Any]) -> None:
    """Print what was measured beside the limit that the table of cards gives."""
    rows = [check for check in report["checks"] if check["id"] in SPEEDS and isinstance(check["value"], float)]
    if not rows:
        return
    print(f"\n{'device':8}{'figure':14}{'measured':>12}{'warns below':>14}  unit")
    for check in rows:
        limit = "no reference" if check["threshold"] is None else f"{check['threshold']:.4g}"
        print(f"{check['gpu'] or '-':8}{check['id']:14}{check['value']:12.4g}{limit:>14}  {check['unit']}")
    print()


def answered(command: Sequence[str]) -> dict[str, Any]:
    """Run a script that prints one JSON object; its errors go to the terminal."""
    done = subprocess.run([sys.executable, *command], stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        return {f"{Path(command[0]).name} ended with status {done.returncode} and said nothing": ["error", None, ""]}
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def as_it_should_be(name: str, answer: Sequence[Any]) -> bool:
    """Tell whether a right operation passed and a wrong one did not; what this GPU lacks is skipped."""
    status: str = answer[0]
    return status == "skip" or (status == "pass") == name.endswith("/right")


def keep(folder: Path, reports: dict[str, Any]) -> None:
    """Write the reports, as JSON and where torchup can be imported as pages too."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in reports.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    sys.path.insert(0, str(SOURCES))
    for name in LEVELS:
        if name in reports:
            page = as_page(reports[name])
            if page is None:
                print("no pages were written: torchup and its packages cannot be imported here")
                return
            (folder / f"{name}.html").write_text(page, encoding="utf-8")
    print(f"reports in {folder}")


def as_page(report: dict[str, Any]) -> str | None:
    """Let torchup write the page of a report; None where that is not to be had."""
    try:
        report_page = importlib.import_module("torchup.ui.report_html").report_page
        model = importlib.import_module("torchup.model.outcome")
        load = importlib.import_module("torchup.model.serial").load
        complete = importlib.import_module("torchup.verify.run").complete
        page: str = report_page(complete(load(model.Report, report)), made=datetime.now().astimezone())
    except (ImportError, AttributeError, SyntaxError):
        return None
    return page


if __name__ == "__main__":
    sys.exit(main())
