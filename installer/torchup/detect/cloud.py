"""Cloud machines, and images that bring their own NVIDIA driver."""

from __future__ import annotations

from torchup.detect.host import Host
from torchup.detect.notes import Notes
from torchup.words import mark, tr

# SMBIOS strings that each provider's documentation names for telling its machines.
_PROVIDERS = (
    ("Amazon EC2", "Amazon Web Services"),
    ("Google Compute Engine", "Google Cloud"),
    ("Microsoft Corporation Virtual Machine", "Microsoft Azure"),
    ("OracleCloud.com", "Oracle Cloud"),
    ("Alibaba Cloud", "Alibaba Cloud"),
    ("Tencent Cloud", "Tencent Cloud"),
    ("DigitalOcean", "DigitalOcean"),
    ("Hetzner", "Hetzner"),
    ("OpenStack", "OpenStack"),
)
_FIELDS = ("sys_vendor", "product_name", "chassis_asset_tag", "bios_vendor")
# Files of images whose maker installs and updates the driver.
_IMAGES = (
    ("/opt/aws/dlami/info", "AWS Deep Learning AMI"),
    ("/etc/dlami-release", "AWS Deep Learning AMI"),
    ("/etc/google-dlvm", "Google Deep Learning VM"),
    ("/opt/deeplearning/metadata", "Google Deep Learning VM"),
    ("/etc/dgx-release", "NVIDIA DGX OS"),
    ("/opt/azurehpc", mark("Azure HPC image")),
    ("/etc/apt/sources.list.d/lambda-repository.list", "Lambda Stack"),
    ("/etc/nv_tegra_release", "Jetson Linux"),
    ("/run/nvidia/driver", "NVIDIA GPU Operator"),
)
# Distributions on which packages cannot install a driver.
_FIXED = {"cos": "Container-Optimized OS", "bottlerocket": "Bottlerocket", "talos": "Talos", "flatcar": "Flatcar"}


def note_cloud(host: Host, notes: Notes, distribution: str | None) -> None:
    """Note the cloud provider, and an image that comes with a driver of its own."""
    fields = [host.read_line(f"/sys/class/dmi/id/{name}") or "" for name in _FIELDS]
    provider = cloud_provider(*fields)
    if provider:
        text = tr(
            "This is a virtual machine of {provider}; its images may come with a driver of their own.",
            provider=provider,
        )
        notes.add("cloud-machine", text, ", ".join(field for field in fields if field))
    for path, image in _IMAGES:
        if host.exists(path):
            text = tr(
                "This is {image}, which brings its own NVIDIA driver; a driver of another origin may break it.",
                image=tr(image),
            )
            notes.add("image-with-driver", text, path)
    if distribution in _FIXED:
        text = tr(
            "{system} gets its driver from its provider; packages cannot install one.", system=_FIXED[distribution]
        )
        notes.add("driver-by-provider", text, f"ID={distribution}")


def cloud_provider(vendor: str, product: str, asset_tag: str = "", bios: str = "") -> str | None:
    """Name the cloud provider by the machine's SMBIOS strings, None for other machines."""
    text = f"{vendor} {product} {asset_tag} {bios}"
    return next((provider for sign, provider in _PROVIDERS if sign in text), None)
