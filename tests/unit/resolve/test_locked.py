from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from support.machines import machine
from torchup.app.from_lock import locked_request
from torchup.errors import NoSolutionError, UsageError
from torchup.model.facts import Python
from torchup.model.request import EnvironmentWish, Request, ToolkitWish
from torchup.resolve.decide import resolve
from torchup.resolve.locked import Lock, lock_book, locked_pins, read_lock

HEAD = 'lock-version = "1.0"\ncreated-by = "uv"\nrequires-python = ">=3.12"\n'
BASE = "https://download.pytorch.org/whl/cpu"
FACTS = machine()


def package(name: str, version: str, tags: str = "py3-none-any", extra: str = "", base: str = BASE) -> str:
    url = f"{base}/{name.replace('-', '_')}-{version.replace('+', '%2B')}-{tags}.whl"
    wheel = f'wheels = [{{ url = "{url}", size = 10, hashes = {{ sha256 = "{"ab" * 32}" }} }}]'
    return f'\n[[packages]]\nname = "{name}"\nversion = "{version}"\n{extra}{wheel}\n'


TORCH = package("torch", "2.14.1+cpu", "cp312-cp312-manylinux_2_28_x86_64")


def lock(*packages: str, head: str = HEAD) -> Lock:
    return read_lock(head + "".join(packages), "pylock.toml")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("torch==2.13.0\n", "lock-invalid"),
        ('lock-version = "9.0"\ncreated-by = "x"\npackages = []\n', "lock-invalid"),
        (HEAD + "packages = []\n", "lock-without-torch"),
        (HEAD + '[[packages]]\nname = "torch"\ndirectory = { path = "../torch" }\n', "lock-incomplete"),
        (
            HEAD + TORCH + '[[packages]]\nname = "x"\nversion = "1"\n'
            f'wheels = [{{ path = "x-1-py3-none-any.whl", hashes = {{ sha256 = "{"ab" * 32}" }} }}]\n',
            "lock-incomplete",
        ),
    ],
)
def test_what_is_no_lock_to_install_from_is_refused(text: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_lock(text, "pylock.toml")
    assert caught.value.code == code


def test_the_locked_wheels_are_offers_with_their_variant_and_hashes() -> None:
    (offer,) = lock_book(lock(TORCH), FACTS, "2026-11-25").offers
    assert (offer.pin, offer.variant, offer.source) == ("torch==2.14.1+cpu", "cpu", "pytorch")
    assert offer.hashes == (("sha256", "ab" * 32),)
    assert offer.url.endswith("torch-2.14.1%2Bcpu-cp312-cp312-manylinux_2_28_x86_64.whl")


def test_a_lock_of_another_platform_is_refused_with_the_packages_that_miss() -> None:
    other = lock(TORCH, package("numpy", "2.0.0", "cp312-cp312-win_amd64"))
    with pytest.raises(NoSolutionError) as caught:
        lock_book(other, FACTS, "2026-11-25")
    assert caught.value.code == "lock-does-not-fit"
    assert caught.value.evidence == ("numpy 2.0.0: win_amd64",)


@pytest.mark.parametrize(
    ("python", "version", "miss"),
    [
        ("3.11", "3.11.9", "the lock asks for Python >=3.12"),
        ("3.13", "3.13.1", "torch 2.14.1+cpu"),
        ("3.12t", None, "torch 2.14.1+cpu"),
    ],
)
def test_another_python_is_refused(python: str, version: str | None, miss: str) -> None:
    with pytest.raises(NoSolutionError) as caught:
        locked_pins(lock(TORCH), FACTS, python, version)
    assert miss in caught.value.evidence


def test_markers_and_each_packages_own_python_count() -> None:
    here = package("here", "1", extra="marker = \"sys_platform == 'linux'\"\n")
    there = package("there", "1", extra="marker = \"sys_platform == 'win32'\"\n")
    assert locked_pins(lock(TORCH, here, there), FACTS, "3.12", "3.12.3") == ("torch==2.14.1+cpu", "here==1")
    later = package("later", "1", extra='requires-python = ">=3.12.9"\n')
    with pytest.raises(NoSolutionError):
        locked_pins(lock(TORCH, later), FACTS, "3.12", "3.12.3")


def test_the_resolver_holds_the_gates_against_the_locked_wheels() -> None:
    found = lock(TORCH, package("torchvision", "0.29.1+cpu", "cp312-cp312-manylinux_2_28_x86_64"))
    request = locked_request(Request(), found)
    book = lock_book(found, FACTS, "2026-11-25")
    good = resolve(FACTS, request, book, stand_ins_count=False)
    assert good.torch is not None
    assert (good.torch.version, good.torch.packages) == ("2.14.1", {"torchvision": "0.29.1"})
    only_older = replace(FACTS, pythons=(Python(path="/usr/bin/python3.11", version="3.11.2"),))
    assert resolve(only_older, request, book, stand_ins_count=False).torch is None


def test_the_lock_decides_the_packages_and_nothing_else() -> None:
    wish = Request(
        environment=EnvironmentWish(path="/srv/env", extras=("numpy",), jupyter_kernel=True),
        cuda_toolkit=ToolkitWish(source="wheel"),
    )
    found = locked_request(wish, lock(TORCH))
    assert found.torch.version == "==2.14.1"
    assert found.torch.variant == "cpu"
    assert found.environment.path == "/srv/env"
    assert found.environment.extras == ()
    assert not found.environment.jupyter_kernel
    assert found.cuda_toolkit.source == "none"


@pytest.mark.parametrize("key", ["torch.version", "environment.extras", "source.index"])
def test_a_package_that_is_chosen_beside_the_lock_is_a_contradiction(key: str) -> None:
    wish: Any = replace(Request(), origins={key: "--set"})
    with pytest.raises(UsageError) as caught:
        locked_request(wish, lock(TORCH))
    assert caught.value.code == "lock-conflicts"
