#!/bin/sh
# Find a Python and let it make the checkout's own virtual environment with what is locked.
# usage: make-venv.sh FOLDER [run|dev|audit]      PYTHON names the interpreter; else the first one from 3.11 on is taken.
set -eu

new_enough() { # a version manager's shim can be on PATH and still have no interpreter behind it
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    if new_enough "$candidate"; then
        exec "$candidate" -B "$(dirname -- "$0")/make_venv.py" "$1" "${2:-run}"
    fi
done
echo "torchup needs Python 3.11 or newer, and none was found (looked for: ${PYTHON:-python3, python3.11 to python3.14})." >&2
echo "Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2
exit 6
