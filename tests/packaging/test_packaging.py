"""The wheel and the sdist hold what they should, and both install and run in clean environments."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from support.tools import require

CHECKOUT = Path(__file__).parents[2]


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both from a clean copy of the tracked files; the wheel is made from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_source_root_never_shadows_the_package_named_installer() -> None:
    assert not (CHECKOUT / "installer" / "__init__.py").exists()


def test_the_wheel_holds_the_package_and_the_templates_byte_for_byte(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        inside = {name: archive.read(name) for name in names}
    data = [name for name in names if ".data/" in name]
    assert [name.partition(".data/")[2] for name in data] == ["data/share/man/man1/torchup.1"]
    assert inside[data[0]] == (CHECKOUT / "docs" / "man" / "torchup.1").read_bytes()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"torchup"}
    prefix = "torchup/templates/"
    shipped = {name.removeprefix(prefix): content for name, content in inside.items() if name.startswith(prefix)}
    assert shipped == tree(CHECKOUT / "templates")
    assert shipped
    package = {
        name.removeprefix("torchup/"): content
        for name, content in inside.items()
        if name.startswith("torchup/") and not name.startswith(prefix)
    }
    tracked = tree(CHECKOUT / "installer" / "torchup")
    sources = "knowledge/sources/"
    assert package == {name: content for name, content in tracked.items() if not name.startswith(sources)}
    assert "knowledge/data/torch_releases.json" in package


def test_the_sdist_has_the_tests_and_the_licence(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {"/".join(name.split("/")[1:]) for name in archive.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "Makefile", "pyproject.toml"} <= names
    assert any(name.startswith("tests/") for name in names)
    assert any(name.startswith("templates/") for name in names)


@pytest.mark.parametrize("pattern", ["*.whl", "*.tar.gz"])
def test_it_installs_in_a_clean_environment_and_renders_the_same_templates(
    built: Path, pattern: str, tmp_path: Path
) -> None:
    (archive,) = built.glob(pattern)
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", str(environment)], check=True)
    python = environment / "bin" / "python"
    # The dependencies are those of the environment that runs the tests; only torchup itself is under test.
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    ours = Path(sysconfig_purelib())
    (Path(site) / "dependencies.pth").write_text(f"{ours}\n", encoding="utf-8")
    subprocess.run(
        [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--force-reinstall",
            str(archive),
        ],
        check=True,
    )
    shown = subprocess.run(
        [
            python,
            "-I",
            "-c",
            "import torchup, torchup.shell.templates as t; print(torchup.__file__); print(t.template_root())",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert Path(shown[0]).is_relative_to(environment)
    assert Path(shown[1]).is_relative_to(environment)
    assert tree(Path(shown[1])) == tree(CHECKOUT / "templates")
    version = subprocess.run([environment / "bin" / "torchup", "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("torchup")


def sysconfig_purelib() -> str:
    import sysconfig

    return sysconfig.get_path("purelib")


def test_the_manual_page_has_no_fault_that_groff_knows() -> None:
    page = CHECKOUT / "docs" / "man" / "torchup.1"
    done = subprocess.run(
        [require("groff"), "-man", "-Tutf8", "-ww", "-z", str(page)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
