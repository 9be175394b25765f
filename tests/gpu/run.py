"""The tensor test on this machine's GPUs, and the wrong operations that it must catch there.

    python3 tests/gpu/run.py [--level standard] [--out FOLDER]

Needs a Python with torch and nothing else. Exit status 0: every GPU passed, and no wrong operation did.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
PROBE = CHECKOUT / "installer" / "torchup" / "verify" / "tensor_probe.py"
WRONG_KERNELS = CHECKOUT / "tests" / "support" / "wrong_kernels.py"


def answer(script: Path, *options: str) -> Any:
    """Run a script that prints one JSON object; its errors go to the terminal."""
    done = subprocess.run([sys.executable, str(script), *options], stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        sys.exit(f"{script.name} ended with status {done.returncode} and said nothing")
    return json.loads(done.stdout)


def main() -> int:
    """Run both and say what is wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--level", choices=("quick", "standard", "full"), default="full")
    parser.add_argument("--out", type=Path, help="a folder for the reports as JSON")
    options = parser.parse_args()
    report = answer(PROBE, "--json", "--level", options.level, "--gpu-expected", "yes")
    for check in report["checks"]:
        value = "" if check["value"] is None else f" {check['value']}"
        print(f"{check['status']:8}{check['gpu'] or '-':8}{check['id']:14}{value} {check['detail']}")
    print(f"verdict: {report['verdict']}\n")
    wrong = 0 if report["verdict"] == "pass" else 1
    reports = {"report": report}
    for device in report["devices"]:
        reports[f"wrong-kernels-{device.replace(':', '-')}"] = answers = answer(WRONG_KERNELS, "--device", device)
        for name, (status, _, detail) in answers.items():
            if status != ("pass" if name.endswith("/right") else "fail"):
                wrong += 1
                print(f"{device} {name}: {status} is not what it should be: {detail}")
        print(f"{device}: {len(answers)} right and wrong operations tried")
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        for name, content in reports.items():
            (options.out / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print("all right" if not wrong else f"{wrong} problems")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
