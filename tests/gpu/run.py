"""The tensor test on this machine's GPUs at every level, and the wrong operations that it must catch there.

    python3 tests/gpu/run.py [--level quick --level standard ...] [--out FOLDER]

Needs a Python from 3.9 on with torch, this checkout, and nothing else. It compares what was measured with the table
of cards, and keeps the reports in FOLDER as they come, so that a run that is cut short leaves what was done: each
check in LEVEL.jsonl, each report in LEVEL.json, and as a page where torchup can be imported. Exit status: 0 all is
right, 1 a check failed, warned or could not run, or a wrong operation was not caught, 2 there is nothing to test.

Each level holds the checks of those below it. How long they take on one H100 is estimated, nobody has measured it yet:
quick 10 s and half a minute for importing torch, standard 3 min (2 of them the compilers), full 4 min and the soak,
wrong operations 1 to 2 min. Where a command may take 10 minutes, this does everything once in about 6:

    python3 tests/gpu/run.py --level full --soak-seconds 20 --out FOLDER
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCES = CHECKOUT / "installer"
PROBE_ARCHIVE = SOURCES / "torchup" / "verify" / "probe_archive.py"
WRONG_KERNELS = CHECKOUT / "tests" / "support" / "wrong_kernels.py"
LEVELS = ("quick", "standard", "full")
# Seconds for one GPU after torch was imported.
MOST_SECONDS = {"quick": 10.0, "standard": 90.0, "full": 900.0}
# What takes these long is the host: compilers, and importing packages.
NOT_COUNTED = ("companions", "compile", "extension")
SPEEDS = ("tflops", "tflops-fp32", "membw", "pcie")


def main(argv: Sequence[str] | None = None) -> int:
    """Run everything that was asked for and say what is wrong."""
    options = arguments_of(argv)
    signal.signal(signal.SIGTERM, end)
    problems: list[str] = []
    last: Any = {"devices": [], "checks": []}
    with archive_file() as archive:
        for level in options.level or LEVELS:
            print(f"== {level}", flush=True)
            report = probed(archive, level, options)
            if report is None:
                problems.append(f"{level}: the tensor test ended without a report")
                continue
            last = report
            keep(options.out, level, report)
            problems += problems_of(level, report)
    if not last["devices"] or (last["devices"] == ["cpu"] and not options.device):
        print("\n".join(["", "nothing to test: no GPU that torch can use", *problems]))
        return 2
    print_speeds(last)
    if not options.no_wrong_kernels:
        for device in last["devices"]:
            answers = answered([str(WRONG_KERNELS), "--device", device])
            keep(options.out, f"wrong-kernels-{device.replace(':', '-')}", answers)
            missed = [
                f"{device} {name}: {answer}"
                for name, answer in sorted(answers.items())
                if not as_it_should_be(name, answer)
            ]
            print(
                f"{device}: {len(answers)} right and wrong operations tried, {len(missed)} not judged as they should be"
            )
            problems += missed
    print("\n" + ("all is right" if not problems else f"{len(problems)} problems:\n  " + "\n  ".join(problems)))
    return 1 if problems else 0


def end(*_signal: object) -> None:
    """End as Ctrl-C does when a limit on the time ends this: nothing that was started is left behind."""
    raise SystemExit(1)


def arguments_of(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--level", action="append", choices=LEVELS, help="only this level, repeatable; all by default")
    parser.add_argument("--out", type=Path, help="a folder for the reports")
    parser.add_argument("--device", help="only this device; cpu tries this script where there is no GPU")
    parser.add_argument("--soak-seconds", default="300", help="how long the soak of the level full runs")
    parser.add_argument("--no-wrong-kernels", action="store_true", help="leave out the wrong operations")
    return parser.parse_args(argv)


def archive_file() -> contextlib.AbstractContextManager[Path]:
    """Give the archive of the tensor test, from the file that packs it: torchup itself cannot be imported here."""
    spec = importlib.util.spec_from_file_location("probe_archive", PROBE_ARCHIVE)
    assert spec is not None
    assert spec.loader is not None
    packer: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(packer)
    file: contextlib.AbstractContextManager[Path] = packer.archive_file()
    return file


def probed(archive: Path, level: str, options: argparse.Namespace) -> Any:
    """Run the probe, show each check when it is done, and give its report; None when it gave none."""
    command = [sys.executable, str(archive), "--json-lines", "--level", level, "--soak-seconds", options.soak_seconds]
    command += (
        ["--gpu-expected", "no", "--device", options.device] if options.device == "cpu" else ["--gpu-expected", "yes"]
    )
    if options.device and options.device != "cpu":
        command += ["--device", options.device]
    report = None
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, universal_newlines=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                found = json.loads(line)
                report = found.get("report", report)
                if "check" in found:
                    print(line_of(found["check"]), flush=True)
                    keep_line(options.out, level, line)
        except BaseException:
            process.kill()  # its own processes end with it
            raise
    if report:
        names = ", ".join(device["name"] for device in report["environment"]["devices"])
        print(f"torch {report['torch_version']} on {names}: {report['verdict']}", end="")
        print(f", {time.monotonic() - start:.0f} s in all", flush=True)
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
        own = [check for check in report["checks"] if check["gpu"] == device and check["id"] not in NOT_COUNTED]
        seconds = sum(check["seconds"] for check in own)
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
    """Run a script whose last line is a JSON object; its errors go to the terminal."""
    done = subprocess.run([sys.executable, *command], stdout=subprocess.PIPE, text=True, check=False)
    try:
        answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # libraries print when they please
    except (IndexError, ValueError):
        # Named as a right operation, so that it counts as a problem.
        return {f"{Path(command[0]).stem}/right": ["error", None, f"ended with status {done.returncode} and no answer"]}
    return answers


def as_it_should_be(name: str, answer: Sequence[Any]) -> bool:
    """Tell whether a right operation passed and a wrong one did not; what this GPU lacks is skipped."""
    status: str = answer[0]
    return status == "skip" or (status == "pass") == ("/right" in name)


def keep_line(folder: Path | None, level: str, line: str) -> None:
    """Write a check beside those that were done before it."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{level}.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(line)


def keep(folder: Path | None, name: str, content: dict[str, Any]) -> None:
    """Write a report as JSON, and where torchup can be imported as a page too."""
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    page = as_page(content) if name in LEVELS else None
    if page is not None:
        (folder / f"{name}.html").write_text(page, encoding="utf-8")


def as_page(report: dict[str, Any]) -> str | None:
    """Let torchup write the page of a report; None where it or its packages are not to be had."""
    sys.path.insert(0, str(SOURCES))
    try:
        report_page = importlib.import_module("torchup.ui.report_html").report_page
        model = importlib.import_module("torchup.model.outcome")
        load = importlib.import_module("torchup.model.serial").load
        complete = importlib.import_module("torchup.verify.run").complete
        page: str = report_page(complete(load(model.Report, report)), made=datetime.now().astimezone())
    except Exception:  # noqa: BLE001 - it is written for newer Pythons than 3.9, which show that in many ways
        return None
    finally:
        sys.path.remove(str(SOURCES))
    return page


if __name__ == "__main__":
    sys.exit(main())
