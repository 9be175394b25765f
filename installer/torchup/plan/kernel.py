"""A Jupyter kernel: the small JSON file by which Jupyter finds an environment."""

from __future__ import annotations

import json
from pathlib import Path, PurePath

from torchup.model.context import Context
from torchup.model.facts import MachineFacts
from torchup.model.plan import MakeDirectory, Step, WriteFile
from torchup.shell.env_files import ShellEnvironment
from torchup.words import tr


def kernel_steps(
    *, name: str, python: str, facts: MachineFacts, context: Context, known: ShellEnvironment
) -> tuple[Step, ...]:
    """Give the steps that tell Jupyter about `python`, under this name, with the variables that shells get too.

    The file's form is Jupyter's kernel specification; its place is Jupyter's data folder of the user.
    """
    folder = context.below_root(_data_folder(facts, context) / "kernels" / f"torchup-{name}")
    argv = [python, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    content = {
        "argv": argv,
        "display_name": f"PyTorch ({name})",
        "language": "python",
        "env": _variables(python, known, windows=facts.os.system == "windows"),
        "metadata": {"debugger": True},
    }
    why = tr("Jupyter lists the kernels that it finds in this folder.")
    return (
        MakeDirectory(id="jupyter-folder", summary=tr("Make {path}", path=folder), why=why, path=str(folder)),
        WriteFile(
            id="jupyter-kernel",
            summary=tr("Tell Jupyter about the environment as “PyTorch ({name})”", name=name),
            why=why,
            path=str(folder / "kernel.json"),
            content=json.dumps(content, indent=1, ensure_ascii=False) + "\n",
        ),
    )


def _variables(python: str, known: ShellEnvironment, *, windows: bool) -> dict[str, str]:
    """Give what the kernel starts with; Jupyter puts the value of its own variable in for `${PATH}`.

    A Jupyter that was started from a menu has read no start-up file, so nothing here counts on one.
    LD_LIBRARY_PATH is set whole: where it is unset, Jupyter would leave `${LD_LIBRARY_PATH}` in it as a folder.
    """
    separator = ";" if windows else ":"
    variables = {"PATH": separator.join([*known.bin_dirs, str(PurePath(python).parent), "${PATH}"])}
    if known.cuda_home is not None:
        variables["CUDA_HOME"] = known.cuda_home
    if known.library_dirs:
        variables["LD_LIBRARY_PATH"] = ":".join(known.library_dirs)
    return variables


def _data_folder(facts: MachineFacts, context: Context) -> Path:
    if named := context.environ.get("JUPYTER_DATA_DIR"):
        return Path(named)
    if facts.os.system == "darwin":
        return context.home / "Library" / "Jupyter"
    return Path(context.environ.get("XDG_DATA_HOME") or context.home / ".local" / "share") / "jupyter"
