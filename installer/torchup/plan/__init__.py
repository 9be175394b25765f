"""Resolution, facts and request in, an ordered list of steps out: pure, and the same for the same input."""
