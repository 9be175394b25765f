"""Check or compile the tables from a command line."""

from __future__ import annotations

import sys

import knowledge_tables
from knowledge_tables.compiling import compile_all, write
from knowledge_tables.reading import SourcesError


def main() -> None:
    """Do what the one argument says."""
    if sys.argv[1:] not in (["check"], ["compile"]):
        sys.exit(knowledge_tables.__doc__)
    try:
        tables = compile_all()
    except SourcesError as error:
        sys.exit(str(error))
    if sys.argv[1] == "compile":
        write(tables)


if __name__ == "__main__":
    main()
