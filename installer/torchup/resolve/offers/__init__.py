"""Offers from the indexes and folders that pip, uv and the request name."""
