"""dnf, zypper and pacman for real, in one Debian root, with repositories of stub packages on its disk."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from support.debian_root import DebianRoot, base_system, debian_root

MANAGERS = (
    "createrepo-c dnf dnf-plugins-core fakeroot libarchive-tools makepkg opendoas pacman-package-manager rpm zypper"
)
_ADD = """\
set -e
mount --make-rprivate /
cd "$1"
shift
mount -t proc proc proc
mount --rbind /dev dev
cp /etc/resolv.conf etc/resolv.conf
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
chroot . apt-get update
exec chroot . apt-get install -y --no-install-recommends "$@"
"""
REPOSITORY = "/srv/packages"
_SPEC = """\
Name: {name}
Version: {version}
Release: 1
{epoch}Summary: stub
License: none
BuildArch: noarch
{tags}
%description
stub
%files
"""
_PKGBUILD = """\
pkgname={name}
pkgver={version}
pkgrel=1
arch=(any)
depends=({depends})
options=(!strip !debug)
package() {{ mkdir -p "$pkgdir/usr/share/stub" && echo {version} >"$pkgdir/usr/share/stub/{name}"; }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stub:
    """A package with nothing in it: its name and version, and what it needs."""

    name: str
    version: str = "1.0"
    epoch: int | None = None
    needs: tuple[str, ...] = ()

    @classmethod
    def named(cls, name: str) -> Stub:
        """Make one of which only the name matters."""
        return cls(name=name)

    def spec(self) -> str:
        """Write it for rpmbuild."""
        tags = [f"Requires: {need}" for need in self.needs]
        epoch = f"Epoch: {self.epoch}\n" if self.epoch is not None else ""
        return _SPEC.format(name=self.name, version=self.version, epoch=epoch, tags="\n".join(tags))

    def pkgbuild(self) -> str:
        """Write it for makepkg."""
        return _PKGBUILD.format(name=self.name, version=self.version, depends=shlex.join(self.needs))


def _base() -> Path:
    """Give a Debian with the managers; it is made once, and again when the Debian below it is."""
    below = base_system("trixie")
    folder = below.with_name("trixie-with-managers")
    with FileLock(folder.with_suffix(".lock")):
        if folder.is_dir() and folder.stat().st_ctime < below.stat().st_ctime:
            shutil.rmtree(folder)
        if not folder.is_dir():
            beside = folder.with_suffix(".new")
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(below, beside, symlinks=True, ignore=shutil.ignore_patterns("dev"))
            (beside / "dev").mkdir()
            subprocess.run(
                ["unshare", "--mount", "sh", "-c", _ADD, "sh", str(beside), *MANAGERS.split()],
                check=True,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "DPKG_FORCE": "unsafe-io"},  # what a power cut spoils is made again
            )
            beside.rename(folder)
    return folder


@contextmanager
def manager_root(folder: Path) -> Iterator[DebianRoot]:
    """Enter a root with the managers, their databases made, and no repository but those of the test."""
    with debian_root("trixie", folder, base=_base()) as root:
        places = f"/etc/yum.repos.d /etc/zypp/repos.d /var/lib/pacman/local /var/lib/pacman/sync {REPOSITORY}"
        # Debian's dnf has a plug-in on that makes a repository of its own, and one that lacks its library.
        plugins = (
            "for name in local system-upgrade; do printf '[main]\\nenabled=0\\n' >/etc/dnf/plugins/$name.conf; done"
        )
        root.run("sh", "-c", f"rpm --initdb && mkdir -p {places} && {plugins}")
        yield root


def add_rpms(root: DebianRoot, *stubs: Stub) -> None:
    """Put stubs into the repository that dnf and zypper know."""
    for number, stub in enumerate(stubs):
        root.put(f"/srv/specs/{number}.spec", stub.spec())
    build = "rpmbuild --quiet --define '_rpmdir /srv/packages' --define '_topdir /srv/build' -bb /srv/specs/*.spec"
    root.run("sh", "-c", f"{build} && createrepo_c --quiet --update {REPOSITORY} && rm /srv/specs/*")
    repo = (
        f"[stubs]\nname=stubs\nbaseurl=file://{REPOSITORY}\nenabled=1\ngpgcheck=0\nmetadata_expire=0\nautorefresh=1\n"
    )
    root.put("/etc/yum.repos.d/stubs.repo", repo)
    root.put("/etc/zypp/repos.d/stubs.repo", repo)


def add_pacman_packages(root: DebianRoot, *stubs: Stub) -> None:
    """Put stubs into the repository that pacman knows."""
    root.run("sh", "-c", "id builder >/dev/null 2>&1 || useradd --create-home builder")
    for stub in stubs:
        folder = f"/srv/pkg/{stub.name}-{stub.version}"
        root.put(f"{folder}/PKGBUILD", stub.pkgbuild())
        root.run("chown", "-R", "builder", "/srv/pkg")
        build = f"cd {folder} && PKGDEST={folder} makepkg --nodeps --config /etc/makepkg.conf"
        root.run("su", "builder", "-c", build)
        root.run(
            "sh",
            "-c",
            f"cp {folder}/*.pkg.tar* {REPOSITORY}/ && cd {REPOSITORY} && repo-add --quiet stubs.db.tar.gz {stub.name}-{stub.version}-1-any.pkg.tar*",
        )
    root.put(
        "/etc/pacman.conf",
        f"[options]\nArchitecture = auto\nSigLevel = Never\nDisableSandbox\n[stubs]\nServer = file://{REPOSITORY}\n",
    )
