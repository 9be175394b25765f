"""Whether what the wheels of PyTorch brought is still there and whole, by the RECORD of each."""

from __future__ import annotations

import re

from torchup.detect.host import Host
from torchup.model.diagnosis import Found
from torchup.plan.wheel_record import HEADER_BYTES, INSTALLERS_THAT_KEEP_RECORD, damaged_files
from torchup.verify.doctor.packages import Package, Packages
from torchup.words import tr

_OF_PYTORCH = re.compile(r"torch|torchvision|torchaudio|triton|(?:pytorch-)?triton-.+|nvidia-.+")
_MOST_NAMED = 3
_MOST_BYTES = 16 * 1024 * 1024


def file_causes(host: Host, packages: Packages) -> tuple[Found, ...]:
    """Name files of torch and of what belongs to it that are missing or cut short."""
    damaged = [
        file
        for package in packages.found
        if _OF_PYTORCH.fullmatch(package.name) and package is packages.get(package.name)
        for file in _damaged(host, package)
    ]
    if not damaged:
        return ()
    evidence = [tr("missing or cut short: {file}", file=file) for file in damaged[:_MOST_NAMED]]
    if len(damaged) > _MOST_NAMED:
        evidence.append(tr("and {n} more", n=len(damaged) - _MOST_NAMED))
    return (Found(cause="torch-files-damaged", evidence=tuple(evidence)),)


def _damaged(host: Host, package: Package) -> list[str]:
    installer = (host.read_line(f"{package.info}/INSTALLER") or "").strip()
    record = host.read_bytes(f"{package.info}/RECORD", limit=_MOST_BYTES)
    if record is None or installer not in INSTALLERS_THAT_KEEP_RECORD:
        return []

    def size_of(path: str) -> int | None:
        found = host.stat(f"{package.folder}/{path}")
        return None if found is None else found.st_size

    def header_of(path: str) -> bytes | None:
        return host.read_bytes(f"{package.folder}/{path}", limit=HEADER_BYTES, quiet=True)

    text = record.decode("utf-8", "replace")
    return [f"{package.folder}/{path}" for path in damaged_files(text, size_of, header_of)]
