"""The compatibility tables, data with source and date, and typed look-ups."""
