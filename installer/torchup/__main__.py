"""Run torchup with `python -m torchup`."""

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # the current folder, whose modules are nobody's to import here

from torchup.cli import main

if __name__ == "__main__":
    main()
