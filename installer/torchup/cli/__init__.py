"""The command line: parses arguments, calls `torchup.app`, prints, and turns errors into exit codes.

Only click and the error tree are imported here, so that `--help` and `--version` start fast.
"""

from torchup.cli import answers, completion, examine, runs, set_up, shell
from torchup.cli.main import main
from torchup.cli.root import cli

# Importing a module of commands is what adds them.
__all__ = ["answers", "cli", "completion", "examine", "main", "runs", "set_up", "shell"]
