"""A stand-in for the module winreg with one key, for tests on other systems."""

from __future__ import annotations

from types import TracebackType


class FakeKey:
    """An open key: only what the opener asked for is allowed."""

    def __init__(self, access: int) -> None:
        self.access = access

    def __enter__(self) -> FakeKey:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.access = 0


class FakeRegistry:
    """HKEY_CURRENT_USER\\Environment; names are found in any case, and keep the case in which they were made."""

    HKEY_CURRENT_USER, KEY_READ, KEY_WRITE, REG_SZ, REG_EXPAND_SZ = 1, 2, 4, 1, 2

    def __init__(self, **values: tuple[str, int]) -> None:
        self.values = dict(values)
        self.denied = False

    def OpenKey(self, hive: int, path: str, reserved: int, access: int) -> FakeKey:  # noqa: N802  winreg's name
        assert (hive, path, reserved) == (self.HKEY_CURRENT_USER, "Environment", 0)
        if self.denied:
            raise PermissionError(13, "Access is denied")
        return FakeKey(access)

    CreateKeyEx = OpenKey

    def QueryValueEx(self, key: FakeKey, name: str) -> tuple[str, int]:  # noqa: N802
        assert key.access & self.KEY_READ
        return self.values[self._known(name)]

    def SetValueEx(self, key: FakeKey, name: str, reserved: int, kind: int, value: str) -> None:  # noqa: N802
        assert key.access & self.KEY_WRITE
        self.values[self._known(name, missing=name)] = (value, kind)

    def DeleteValue(self, key: FakeKey, name: str) -> None:  # noqa: N802
        assert key.access & self.KEY_WRITE
        del self.values[self._known(name)]

    def _known(self, name: str, missing: str | None = None) -> str:
        found = next((known for known in self.values if known.lower() == name.lower()), missing)
        if found is None:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        return found
