"""Steps, packages and repositories for the tests in Debian roots."""

from __future__ import annotations

import hashlib

from support.debian_root import DebianRoot, mirror
from torchup.model.plan import AddRepository, Command, InstallSystemPackages, WriteFile

SOURCES = "/etc/apt/sources.list.d/torchup.sources"
LOCAL = "/etc/apt/sources.list.d/local.list"


def components(release: str) -> WriteFile:
    """Add the archive's components that the driver and the toolkit come from."""
    content = (
        f"Types: deb\nURIs: {mirror()}\nSuites: {release}\nComponents: contrib non-free\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )
    return WriteFile(
        id="sources", summary="Add contrib and non-free", why="It comes from there.", privilege="root",
        path=SOURCES, content=content,
    )  # fmt: skip


def update(*creates: str) -> AddRepository:
    return AddRepository(
        id="update",
        summary="Read the package lists",
        why="The packages come from there.",
        name="the Debian archive",
        commands=(Command(argv=("apt-get", "-o", "Acquire::Retries=0", "update")),),
        creates=creates,
    )


def install(*packages: str, id: str = "packages") -> InstallSystemPackages:  # noqa: A002 - a step's own word
    arguments = ("install", "-y", "--no-install-recommends", *packages)
    return InstallSystemPackages(
        id=id,
        summary=f"Install {', '.join(packages)}",
        why="PyTorch needs it.",
        manager="apt",
        packages=packages,
        commands=(
            Command(argv=("apt-get", "-o", "Acquire::Retries=0", *arguments, "--download-only")),
            Command(argv=("apt-get", *arguments)),
        ),
        undo_commands=(Command(argv=("apt-get", "remove", "-y", "--autoremove", *packages)),),
    )


def note(path: str = "/home/anna/note") -> WriteFile:
    """A file of the person's own, before which or after which something else happens."""
    return WriteFile(id="note", summary="Write a note", why="To see it.", path=path, content="note\n")


def add_package(root: DebianRoot, name: str, *, control: str = "", postinst: str = "", kib: int = 0) -> None:
    """Put a package of our own into a repository on the root's disk, which apt then knows."""
    head = f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: t <t@example.invalid>\nDescription: t\n{control}"
    root.put(f"/srv/{name}/DEBIAN/control", head)
    if postinst:
        root.put(f"/srv/{name}/DEBIAN/postinst", f"#!/bin/sh\n{postinst}\n", mode=0o755)
    if kib:
        root.run("sh", "-c", f"mkdir -p /srv/{name}/opt && head -c {kib}k /dev/urandom >/srv/{name}/opt/{name}")
    root.run("dpkg-deb", "--root-owner-group", "-b", f"/srv/{name}", f"/srv/repository/{name}.deb") if root.run(
        "mkdir", "-p", "/srv/repository"
    ) else None
    deb = root.read(f"/srv/repository/{name}.deb")
    entry = f"{head}Filename: ./{name}.deb\nSize: {len(deb)}\nSHA256: {hashlib.sha256(deb).hexdigest()}\n\n"
    root.run("sh", "-c", 'printf %s "$1" >>/srv/repository/Packages', "sh", entry)
    root.put(LOCAL, "deb [trusted=yes] file:/srv/repository ./\n")
    root.run("sh", "-c", "echo >/etc/apt/sources.list && apt-get update")
