"""Run torchup on a machine that is described by a facts file: `python as_machine.py FACTS ARGUMENT...`."""

from __future__ import annotations

import sys
from pathlib import Path

from torchup.answers.facts_file import read_facts
from torchup.cli import main
from torchup.detect import collect

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parents[1]))
    from support.dated_tables import use_dated

    use_dated()
    facts = read_facts(Path(sys.argv[1]))
    collect.detect = lambda *_, **__: facts
    main(sys.argv[2:])
