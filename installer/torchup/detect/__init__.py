"""The machine as facts: readers, and pure parsers of what they read."""
