"""The whole command line, except that `setup --plan` takes a plan that was made elsewhere.

    python -m support.plan_child setup --plan FILE [--dry-run]

Tests write plans by hand, and those carry no digests of a machine.
"""

from __future__ import annotations

import os
from pathlib import Path

from support.dated_tables import use_dated
from torchup.cli import main
from torchup.plan import digests

if __name__ == "__main__":
    use_dated()
    Path("/tmp/torchup.pid").write_text(str(os.getpid()))  # as the tests see it in the root's namespace
    digests.require_fresh = lambda *_plan, **_made_from: None
    main()
