"""torchup sets up a machine for PyTorch on a GPU, explains what it decided, and proves that it works."""

__version__ = "0.1.0"
