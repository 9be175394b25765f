"""Where the installed NVIDIA driver comes from: the distribution, NVIDIA's repository, RPM Fusion, or a .run file."""

from __future__ import annotations

import re
from typing import NamedTuple

from torchup.detect.host import Host
from torchup.model.facts import DriverOrigin

_STATUS = "/var/lib/dpkg/status"
_STATUS_BYTES = 64 * 1024 * 1024
_PACMAN = "/var/lib/pacman/local"
_UNINSTALLERS = ("/usr/bin/nvidia-uninstall", "/usr/local/bin/nvidia-uninstall")
_DRIVER = re.compile(
    r"(?:akmod-nvidia|kmod-nvidia|xorg-x11-(?:drv-)?nvidia|xserver-xorg-video-nvidia|linux-(?:modules|objects|signatures)-nvidia-"
    r"|cuda-drivers|libcuda1|libcudadebugger1|libnvidia-(?!container|egl-wayland)|firmware-nvidia-gsp"
    r"|nvidia-(?:compute|dkms|driver|fabricmanager|firmware|gl|headless|kernel|kmod|legacy|libXNVCtrl|lts|modprobe|open"
    r"|persistenced|settings|smi|tesla|utils|video|xconfig))[\w.+-]*|nvidia"
)
_NAMES = ("*nvidia*", "cuda-drivers*")
_RPM_FORMAT = "%{NAME}\t%{VENDOR}\n"
_ROW = 2


class Installed(NamedTuple):
    """The source of the driver, None where it is not known, and its packages."""

    origin: DriverOrigin | None = None
    packages: tuple[str, ...] = ()


def read_driver_origin(host: Host) -> Installed:
    """Find out by the package manager's records, and by the uninstaller that a .run file leaves behind."""
    if any(host.is_file(path) for path in _UNINSTALLERS):
        return Installed("runfile")
    status = host.read_bytes(_STATUS, limit=_STATUS_BYTES)
    if status is not None:
        return parse_dpkg(status.decode("utf-8", "replace"))
    if host.is_dir(_PACMAN):
        return _pacman(host.names(_PACMAN))
    rpm = host.which("rpm")
    ran = host.run([rpm, "--query", "--all", "--queryformat", _RPM_FORMAT, *_NAMES]) if rpm else None
    return parse_rpm(ran.stdout) if ran is not None and ran.ok else Installed()


def parse_dpkg(text: str) -> Installed:
    """Parse dpkg's status: the maintainer of NVIDIA's own packages has an address at nvidia.com."""
    names: list[str] = []
    nvidia = False
    # The file holds thousands of paragraphs: only those whose first line names a driver package are looked at.
    for match in re.finditer(r"^Package: (\S+)$(?P<rest>(?:\n.+)*)", text, re.MULTILINE):
        name, rest = match[1], match["rest"]
        if _DRIVER.fullmatch(name) and re.search(
            r"^Status: \S+ \S+ (?:installed|half-|unpacked|triggers)", rest, re.MULTILINE
        ):
            names.append(name)
            maintainer = re.search(r"^Maintainer: (.*)$", rest, re.MULTILINE)
            nvidia = nvidia or (maintainer is not None and "@nvidia.com" in maintainer[1].lower())
    if not names:
        return Installed()
    return Installed("nvidia" if nvidia else "distribution", tuple(sorted(names)))


def parse_rpm(text: str) -> Installed:
    """Parse lines of name and vendor, with a tab between; RPM Fusion and the distributions name themselves."""
    rows = [line.split("\t") for line in text.splitlines()]
    found = [(row[0], row[1]) for row in rows if len(row) == _ROW and _DRIVER.fullmatch(row[0])]
    if not found:
        return Installed()
    names = tuple(sorted({name for name, _ in found}))
    if any("RPM Fusion" in vendor for _, vendor in found):
        return Installed("rpmfusion", names)
    own = all(re.match(r"Fedora|SUSE|openSUSE|Red Hat|Rocky|AlmaLinux|Oracle|Amazon", vendor) for _, vendor in found)
    return Installed("distribution" if own else "nvidia", names)


def _pacman(folders: tuple[str, ...]) -> Installed:
    names = tuple(sorted(folder.rsplit("-", 2)[0] for folder in folders if _DRIVER.fullmatch(folder.rsplit("-", 2)[0])))
    return Installed("distribution", names) if names else Installed()
