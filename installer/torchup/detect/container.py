"""Which kind of container this is, by the marks that each engine leaves."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.model.facts import ContainerKind
from torchup.words import tr

# In the order in which they are believed: a Kubernetes pod also looks like containerd or docker.
_CGROUP_MARKS: tuple[tuple[str, ContainerKind], ...] = (
    (r"kubepods|/kubelet/", "kubernetes"),
    (r"/libpod[-_/]|libpod_parent|containers/storage/", "podman"),
    (r"/docker[-/]|/docker/containers/|moby", "docker"),
    (r"/lxc[./]|lxc\.payload|/lxcfs|:/lxc$", "lxc"),
    (r"/containerd|/crio-|buildkit|/garden/|machine\.slice", "other"),
)
_MANAGERS: dict[str, ContainerKind | None] = {
    "docker": "docker",
    "podman": "podman",
    "lxc": "lxc",
    "lxc-libvirt": "lxc",
    "incus": "lxc",
    "kubernetes": "kubernetes",
    "apptainer": "apptainer",
    "singularity": "apptainer",
    # systemd counts WSL and proot as containers; WSL has a fact of its own.
    "wsl": None,
}
_ENGINE_FILES = frozenset({"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"})
_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


def read_container(host: Host, notes: Notes, *, wsl: int) -> ContainerKind | None:
    """Tell which container this is, None for none; `wsl` keeps WSL from being taken for one."""
    environ = host.environ if host.live else {}
    kind = _read_kind(host, notes, environ)
    if environ.get("SNAP") or environ.get("FLATPAK_ID") or host.is_file("/.flatpak-info"):
        text = tr("This runs inside a sandboxed application (Snap or Flatpak), which hides parts of the machine.")
        notes.add("sandboxed-application", text, environ.get("SNAP") or environ.get("FLATPAK_ID"))
    if kind == "other" and wsl:
        return None
    if kind == "other":
        notes.add(
            "container-unknown",
            tr("This is a container of a kind that is not known."),
            host.read_line("/proc/1/cgroup"),
        )
    return kind


def _read_kind(host: Host, notes: Notes, environ: Mapping[str, str]) -> ContainerKind | None:
    if environ.get("APPTAINER_CONTAINER") or environ.get("SINGULARITY_CONTAINER") or host.is_dir("/.singularity.d"):
        return "apptainer"
    if environ.get("KUBERNETES_SERVICE_HOST") or host.is_dir(_SERVICE_ACCOUNT):
        return "kubernetes"
    if host.exists("/run/.containerenv"):
        return "podman"
    # Kubernetes without a service account is told from docker by its control groups.
    mounts = host.read_text("/proc/self/mountinfo") or ""
    groups = parse_cgroup(host.read_text("/proc/1/cgroup") or "", mounts)
    if groups == "kubernetes":
        return groups
    if host.exists("/.dockerenv"):
        if groups or not mounts or has_engine_mount(mounts):
            return "docker"
        text = tr("A mark of docker is left over from the image that this machine was made from; it is no container.")
        notes.add("container-mark-left-over", text, "/.dockerenv")
    manager = (
        host.read_line("/run/systemd/container")
        # Another user's process 1 is closed to us on every ordinary machine: not worth a finding.
        or parse_pid1_environment(host.read_bytes("/proc/1/environ", quiet=True) or b"")
        or environ.get("container")
    )
    if manager:
        return _MANAGERS.get(manager, "other")
    if host.exists("/dev/lxd/sock") or host.exists("/dev/incus/sock"):
        return "lxc"
    return groups


def parse_cgroup(cgroup: str, mountinfo: str) -> ContainerKind | None:
    """Tell the engine from /proc/1/cgroup and /proc/self/mountinfo.

    With control groups v1 the cgroup file names the engine. With v2 it says `0::/` inside a container, and
    the files that the engine mounts over /etc/hosts and /etc/hostname name it instead.
    """
    mounts = "\n".join(line for line in mountinfo.splitlines() if _is_engine_mount(line))
    for text in (cgroup, mounts):
        for pattern, kind in _CGROUP_MARKS:
            if re.search(pattern, text):
                return kind
    return None


def parse_pid1_environment(content: bytes) -> str | None:
    """Find `container=` in the environment of process 1."""
    for entry in content.split(b"\0"):
        if entry.startswith(b"container="):
            return entry.partition(b"=")[2].decode("utf-8", "replace") or None
    return None


def has_engine_mount(mountinfo: str) -> bool:
    """Tell whether the root is a layered file system, or a file of /etc is mounted, as every engine does it."""
    for line in mountinfo.splitlines():
        place, _, rest = _mount_point(line), *line.partition(" - ")[1:]
        if place in _ENGINE_FILES or (place == "/" and rest.startswith(("overlay", "aufs", "fuse-overlayfs"))):
            return True
    return False


def _is_engine_mount(line: str) -> bool:
    # On a host that runs containers the engine's own overlays are mounted below its folder, so only mounts
    # over these places count.
    return _mount_point(line) in {*_ENGINE_FILES, "/"}


def _mount_point(line: str) -> str:
    """Give the fifth field of a line of mountinfo: id, parent, device, root, mount point."""
    fields = line.split(" ", 5)
    return fields[4] if len(fields) > 5 else ""  # noqa: PLR2004 - there is more on every line
