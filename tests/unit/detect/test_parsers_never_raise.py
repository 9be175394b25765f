"""Whatever a file or a tool says, no parser raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchup.detect import (
    amd,
    apt_sources,
    container,
    cpu,
    darwin,
    driver_origin,
    environment,
    interpreter,
    libc,
    loader,
    nvidia_kernel,
    nvidia_smi,
    operating_system,
    pci,
    pci_names,
    pythons,
    shells,
    space,
    surroundings,
    toolkits,
    torch_installs,
    user,
    windows,
)

TEXT_PARSERS: list[Callable[[str], Any]] = [
    amd.parse_properties,
    apt_sources.parse_deb822,
    apt_sources.parse_list,
    cpu.parse_cpuinfo,
    lambda text: container.parse_cgroup(text, text),
    container.has_engine_mount,
    darwin.parse_sw_vers,
    darwin.parse_sysctl,
    lambda text: darwin.parse_displays(text, None),
    driver_origin.parse_dpkg,
    driver_origin.parse_rpm,
    lambda text: environment.redact("HTTPS_PROXY", text),
    lambda text: environment.hides_devices(text, 2),
    interpreter.parse_pyvenv,
    interpreter.parse_patchlevel,
    libc.parse_confstr,
    libc.parse_musl_banner,
    lambda text: libc.parse_apk_version(text, "musl"),
    loader.parse_ld_so_conf,
    loader.library_version,
    nvidia_kernel.parse_version,
    nvidia_kernel.parse_information,
    nvidia_smi.parse_query,
    nvidia_smi.parse_banner,
    nvidia_smi.parse_failure,
    operating_system.parse_os_release,
    operating_system.parse_redhat_release,
    pci.parse_address,
    pci.parse_bytes,
    pythons.parse_answer,
    shells.parse_parent,
    shells.shell_name,
    space.parse_meminfo,
    space.parse_memory_limit,
    surroundings.parse_tegra,
    surroundings.parse_l4t,
    toolkits.parse_version_json,
    toolkits.parse_version_txt,
    toolkits.parse_header,
    toolkits.parse_nvcc,
    toolkits.toolkit_root,
    torch_installs.parse_metadata,
    torch_installs.parse_backend,
    torch_installs.parse_conda_build,
    user.parse_passwd,
    lambda text: windows.parse_machine(text, "amd64"),
    windows.nvidia_driver_version,
]
BYTE_PARSERS: list[Callable[[bytes], Any]] = [
    container.parse_pid1_environment,
    interpreter.elf_bits,
    lambda content: interpreter.find_embedded_version(content, "3.12"),
    libc.parse_glibc_banner,
    operating_system.parse_elf_machine,
    surroundings.parse_secure_boot,
    lambda content: pci_names.find_pci_name(content, "10de:2684"),
]
# Besides any text at all, text made of the pieces that the parsers look for.
WORDS = (
    "name",
    "uuid",
    ", ",
    "\n",
    ": ",
    "=",
    "[N/A]",
    "0x",
    "²",
    "٣",
    "-1",
    "{",
    "[[]]",
    "null",
    '"',
    "/",
    "::",
    "\0",
)
MARKS = ("Kernel Module  ", "MemTotal: ", " kB", "P:musl", "V:", "3.12.1", "0000:01:00.0", "1" * 5000, "a:b:c:d:e:f:g")
PIECES = st.sampled_from((*WORDS, *MARKS))
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=12).map("".join))


@pytest.mark.parametrize("parse", TEXT_PARSERS, ids=range(len(TEXT_PARSERS)))
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_text(parse: Callable[[str], Any], text: str) -> None:
    parse(text)


@pytest.mark.parametrize("parse", BYTE_PARSERS, ids=range(len(BYTE_PARSERS)))
@settings(max_examples=60, deadline=None)
@given(content=st.one_of(st.binary(max_size=200), TEXTS.map(lambda text: text.encode())))
def test_bytes(parse: Callable[[bytes], Any], content: bytes) -> None:
    parse(content)


@settings(max_examples=100, deadline=None)
@given(
    user_name=st.text(
        st.characters(exclude_characters="/?#\\ \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0", exclude_categories=["Z", "C"])
    ),
    secret=st.text("abcXYZ019@:%-_", min_size=6),
)
def test_no_credential_of_a_url_is_shown(user_name: str, secret: str) -> None:
    marked = f"SECRET{secret}"
    environ = {
        "PIP_INDEX_URL": f"https://{user_name}:{marked}@index.example/simple",
        "https_proxy": f"{user_name}:{marked}@proxy.example:1",
        "PIP_EXTRA_INDEX_URL": f"https://one.example/simple https://{user_name}:{marked}@two.example/",
    }
    shown = environment.relevant_environment(environ)
    assert all(marked not in value for value in shown.values())
    assert shown["PIP_INDEX_URL"].endswith("@index.example/simple")
