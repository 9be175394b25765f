"""The tensor test: the stand-alone probe, and what runs it in the target interpreter."""
