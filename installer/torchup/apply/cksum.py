"""The checksum of POSIX `cksum`, so that a script can tell whether a file is still the one that was seen."""

from __future__ import annotations

_POLYNOMIAL = 0x04C11DB7
_MASK = 0xFFFFFFFF
_TOP = 0x80000000


def _row(index: int) -> int:
    value = index << 24
    for _ in range(8):
        value = ((value << 1) ^ _POLYNOMIAL if value & _TOP else value << 1) & _MASK
    return value


_TABLE = tuple(_row(index) for index in range(256))


def cksum(content: bytes) -> str:
    """Give what `cksum < FILE` prints: the CRC over the bytes and their number, and that number."""
    length = len(content)
    tail = length.to_bytes((length.bit_length() + 7) // 8, "little")
    crc = 0
    for byte in content + tail:
        crc = ((crc << 8) & _MASK) ^ _TABLE[(crc >> 24) ^ byte]
    return f"{crc ^ _MASK} {length}"
