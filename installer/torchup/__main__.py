"""Run torchup with `python -m torchup`."""

from torchup.cli import main

if __name__ == "__main__":
    main()
