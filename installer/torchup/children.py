"""Where torchup's children are started: never in the person's current folder.

Python puts it in front of its own modules, uv and pip read settings there, a search path with an empty element leads
there, and so does the loader's. A folder that somebody unpacked would decide what runs.
"""

from __future__ import annotations

import os
import sys

NEUTRAL_FOLDER = os.environ.get("SYSTEMROOT", "C:\\Windows") if sys.platform == "win32" else "/"
"""A folder that is always there, and that only the system's administrators fill."""
