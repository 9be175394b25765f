"""A home for one shell case; and one for a user who is not root, where the tests run as root."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.shell_cases import NOT_ROOT, Account, is_root
from support.tools import require


@pytest.fixture
def account(tmp_path: Path) -> Account:
    return Account(tmp_path / "home")


@pytest.fixture
def plain_user() -> Iterator[Account]:
    """A home that its own user may write and nobody's privileges help with."""
    folder = Path(tempfile.mkdtemp(prefix="torchup-case-"))
    folder.chmod(0o755)
    prefix: tuple[str, ...] = ()
    account = Account(folder / "home")
    if is_root():
        require("setpriv")
        prefix = NOT_ROOT
        os.chown(account.home, 12345, 12345)
    account.prefix = prefix
    try:
        yield account
    finally:
        shutil.rmtree(folder, ignore_errors=True)
