"""conda by the names that it has on Windows."""

from __future__ import annotations

from pathlib import Path

from torchup.detect.conda import read_conda
from torchup.detect.host import Host
from torchup.model.facts import CondaInstall


def test_conda_is_found_by_its_variable_and_in_its_folder(tmp_path: Path) -> None:
    named = r"C:\Tools\miniforge3\Scripts\conda.exe"
    usual = "C:/Users/ann/miniconda3/Scripts/mamba.exe"
    for program in (named, usual):
        place = tmp_path / program
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("")
        place.chmod(0o755)
    record = tmp_path / r"C:\Tools\miniforge3" / "conda-meta" / "conda-25.9.1-py312_0.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    host = Host(sysroot=tmp_path, environ={"CONDA_EXE": named, "PATH": ""}, home="C:/Users/ann", system="windows")
    assert read_conda(host, host.notes) == (
        CondaInstall(kind="conda", path=named, version="25.9.1"),
        CondaInstall(kind="mamba", path=usual, version=None),
    )
