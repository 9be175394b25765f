"""A Jupyter kernel: the small JSON file by which Jupyter finds an environment."""

from __future__ import annotations

import json
from pathlib import Path

from torchup.model.context import Context
from torchup.model.facts import MachineFacts
from torchup.model.plan import MakeDirectory, Step, WriteFile


def kernel_steps(*, name: str, python: str, facts: MachineFacts, context: Context) -> tuple[Step, ...]:
    """Give the steps that tell Jupyter about `python`, under this name.

    The file's form is Jupyter's kernel specification; its place is Jupyter's data folder of the user.
    """
    folder = context.below_root(_data_folder(facts, context) / "kernels" / f"torchup-{name}")
    argv = [python, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    content = {"argv": argv, "display_name": f"PyTorch ({name})", "language": "python", "metadata": {"debugger": True}}
    why = "Jupyter lists the kernels that it finds in this folder."
    return (
        MakeDirectory(id="jupyter-folder", summary=f"Make {folder}", why=why, path=str(folder)),
        WriteFile(
            id="jupyter-kernel",
            summary=f"Tell Jupyter about the environment as “PyTorch ({name})”",
            why=why,
            path=str(folder / "kernel.json"),
            content=json.dumps(content, indent=1, ensure_ascii=False) + "\n",
        ),
    )


def _data_folder(facts: MachineFacts, context: Context) -> Path:
    if named := context.environ.get("JUPYTER_DATA_DIR"):
        return Path(named)
    if facts.os.system == "darwin":
        return context.home / "Library" / "Jupyter"
    return Path(context.environ.get("XDG_DATA_HOME") or context.home / ".local" / "share") / "jupyter"
