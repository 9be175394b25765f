"""Quoting per shell language, the managed block, the env files: bytes in, bytes out."""
