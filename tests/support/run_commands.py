"""Run the commands of a JSON list one after the other, as a child of whatever shell started this, and keep what each said.

python run_commands.py COMMANDS.json RESULTS.json
"""

import json
import subprocess
import sys
from pathlib import Path


def main(commands: Path, results: Path) -> None:
    """Run them; the results are there at once and whole."""
    found = []
    for argv in json.loads(commands.read_text(encoding="utf-8")):
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        found.append({"argv": argv, "status": done.returncode, "out": done.stdout, "err": done.stderr})
    part = results.with_suffix(".part")
    part.write_text(json.dumps(found), encoding="utf-8")
    part.rename(results)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
