"""The use cases: each command's work, wired together from the stages."""

from torchup.app.commandline import CommandLine

__all__ = ["CommandLine"]
