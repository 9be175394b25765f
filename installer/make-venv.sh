#!/bin/sh
# Make the checkout's own virtual environment and install torchup into it, editable.
# usage: make-venv.sh FOLDER [EXTRA]      (EXTRA: "dev" adds the tools of the tests)
# PYTHON names the interpreter; without it the first one from 3.11 on is taken.
set -eu

folder=$1
extra=${2:-}
checkout=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

new_enough() { # a version manager's shim can be on PATH and still have no interpreter behind it
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

python=
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    if new_enough "$candidate"; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "torchup needs Python 3.11 or newer, and none was found (looked for: ${PYTHON:-python3, python3.11 to python3.14})." >&2
    echo "Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2
    exit 6
fi

if ! [ -x "$folder/bin/python" ] || ! new_enough "$folder/bin/python"; then
    rm -rf "$folder"
    if ! "$python" -m venv "$folder" 2>/dev/null; then
        # Debian and Ubuntu keep ensurepip in a package of its own; other tools on the machine may help.
        rm -rf "$folder"
        if command -v uv >/dev/null 2>&1; then
            uv venv --quiet --seed --python "$python" "$folder"
        elif "$python" -m virtualenv --version >/dev/null 2>&1; then
            "$python" -m virtualenv --quiet "$folder"
        elif "$python" -m pip --version >/dev/null 2>&1 && "$python" -m venv --without-pip "$folder"; then
            "$python" -m pip --python "$folder/bin/python" install --quiet pip
        else
            rm -rf "$folder"
            echo "$python cannot make a virtual environment: its venv module is not complete." >&2
            echo "On Debian and Ubuntu: sudo apt install python3-venv    Then run make again." >&2
            exit 6
        fi
    fi
fi

requirement=$checkout
[ -z "$extra" ] || requirement="$checkout[$extra]"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
    --editable "$requirement"
