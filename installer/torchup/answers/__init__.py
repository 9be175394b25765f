"""Answers file or wizard to request: schema, YAML positions, the questions as data."""
