"""The machine as facts: readers, and pure parsers of what they read.

`collect.detect` is the way in. Values that pass between probes are NamedTuples and patterns are compiled
when first used: detection runs at every start, and both cost a tenth of what they would otherwise.
"""
