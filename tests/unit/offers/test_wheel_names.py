from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from torchup.knowledge.platforms import PLATFORMS
from torchup.resolve.offers.wheel_names import normalized, platforms_of, split_wheel_name


def test_label_and_compressed_tags() -> None:
    name = split_wheel_name("torch-2.14.1+cu126-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl")
    assert name is not None
    assert (name.project, name.version, name.local) == ("torch", "2.14.1", "cu126")
    assert name.tags == ("cp312", "cp312", "manylinux_2_27_x86_64.manylinux_2_28_x86_64")


def test_build_tag_is_passed_over() -> None:
    name = split_wheel_name("cmeel_octomap-1.10.0-5-py3-none-any.whl")
    assert name is not None
    assert (name.project, name.tags) == ("cmeel-octomap", ("py3", "none", "any"))


@pytest.mark.parametrize(
    "filename",
    [
        "torch-2.0.tar.gz",
        "torch.whl",
        "torch-2.0-cp311-cp311.whl",
        "torch-2.0-x5-cp311-cp311-any.whl",
        "torch-two-cp311-cp311-any.whl",
        "torch--cp311-cp311-any.whl",
        "-2.0-cp311-cp311-any.whl",
        "a-b-c-d-e-f-g.whl",
        "tor ch-2.0-cp311-cp311-any.whl",
    ],
)
def test_invalid_names_are_none(filename: str) -> None:
    assert split_wheel_name(filename) is None


@settings(deadline=None)
@given(
    project=st.sampled_from(["torch", "Torch_Vision", "nvidia_cublas_cu12"]),
    version=st.from_regex(
        r"(0|[1-9]\d?)(\.(0|[1-9]\d?)){0,3}((a|b|rc)\d)?(\.post\d)?(\.dev\d)?(\+[a-z0-9]{1,5}(\.[a-z0-9]{1,3})?)?",
        fullmatch=True,
    ),
    build=st.sampled_from(["", "-1", "-3abc"]),
    tags=st.sampled_from(["py3-none-any", "cp313-cp313t-win_amd64", "cp311-abi3-macosx_11_0_arm64"]),
)
def test_agrees_with_packaging(project: str, version: str, build: str, tags: str) -> None:
    filename = f"{project}-{version}{build}-{tags}.whl"
    try:
        name, parsed, _, _ = parse_wheel_filename(filename)
    except InvalidWheelFilename:
        return
    ours = split_wheel_name(filename)
    assert ours is not None
    assert ours.project == name
    assert f"{ours.version}+{ours.local}" == f"{version.partition('+')[0]}+{version.partition('+')[2] or None}"
    assert parsed.public == type(parsed)(ours.version).public


@pytest.mark.parametrize(
    ("tag", "served"),
    [
        ("manylinux_2_28_x86_64", {"linux_x86_64"}),
        ("manylinux1_x86_64", {"linux_x86_64"}),
        ("manylinux2014_aarch64.manylinux_2_17_aarch64", {"linux_aarch64"}),
        ("linux_x86_64", {"linux_x86_64"}),
        ("musllinux_1_2_x86_64", {"linux_x86_64"}),
        ("win_amd64", {"windows_amd64"}),
        ("win_arm64", {"windows_arm64"}),
        ("macosx_14_0_arm64", {"macos_arm64"}),
        ("macosx_11_0_universal2", {"macos_arm64", "macos_x86_64"}),
        ("any", set(PLATFORMS)),
        ("win32", set()),
        ("manylinux2014_i686", set()),
        ("linux_armv7l", set()),
    ],
)
def test_platform_families(tag: str, served: set[str]) -> None:
    assert platforms_of(tag) == served


def test_normalized() -> None:
    assert normalized("Torch__Vision.x") == "torch-vision-x"
