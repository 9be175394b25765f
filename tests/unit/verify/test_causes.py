"""The catalogue: every known case is in it, is recognised by something, and says what to do."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from torchup.model.facts import MachineFacts, NvidiaDriver, OperatingSystem, Surroundings
from torchup.verify import causes
from torchup.verify.causes import cause_of_finding, cause_of_text, causes_in, fixes_for, known_causes
from torchup.verify.doctor.machine import RULES
from torchup.verify.refine import PARTICULAR

CAUSES = Path(causes.__file__).with_name("causes.json")
TEXTS: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("symptoms.yaml").read_text(encoding="utf-8"))

# The cases that were collected from public threads before the catalogue was written.
COLLECTED = [
    "cpu-wheel-installed",
    "conda-resolved-cpu-build",
    "python-too-new",
    "glibc-too-old",
    "macos-intel",
    "disk-full-tmp",
    "pep668-externally-managed",
    "torchvision-nms-missing",
    "numpy2-abi",
    "driver-too-old",
    "nvml-driver-library-mismatch",
    "nouveau-loaded",
    "secure-boot-unsigned-module",
    "kernel-update-module-missing",
    "open-modules-required",
    "above-4g-rebar-off",
    "gsp-firmware-init-failed",
    "uvm-device-missing",
    "fabric-manager-missing",
    "error-802-without-nvswitch",
    "ptx-unsupported-toolchain",
    "xid-79-fallen-off-bus",
    "forward-compat-804",
    "error-803-driver-mix",
    "mig-no-instance",
    "exclusive-compute-mode",
    "container-toolkit-missing",
    "container-lost-gpu-daemon-reload",
    "wsl-libcuda-not-on-path",
    "nvjitlink-shadowed",
    "libnvrtc-unversioned-missing",
    "conda-libstdcxx-too-old",
    "exec-stack-glibc-241",
    "mkl-ijit-notifyevent",
    "no-kernel-image-new-gpu",
    "no-kernel-image-old-gpu",
    "nvcc-cuda-mismatch",
    "gcc-too-new-for-nvcc",
    "nccl-p2p-hang-acs",
    "rocm-unsupported-gfx",
    "wheel-hash-mismatch",
    "tls-interception",
    "windows-paging-file",
    "triton-libcuda-not-found",
    "mps-op-missing",
    "extension-abi-undefined-symbol",
    "cuda-visible-devices-hides-gpu",
    "torch-partially-initialized",
    "setuptools-82-pkg-resources",
    "wsl-gpu-access-blocked",
    "wsl-apt-nvidia-utils",
    "cpu-without-avx",
    "rocm-kfd-permission",
    "sandboxed-app-disk-or-device",
    "musl-alpine",
    "jit-cache-not-writable",
    "container-driver-capabilities",
    "ecc-uncorrectable",
    "cuda-after-fork",
    "python-32bit",
    "windows-triton-missing",
    "xpu-driver-missing",
]

# Causes that only a measurement shows.
MEASURED = {
    "gpu-slow",
    "gpu-very-slow",
    "gpu-throttled",
    "pcie-slow",
    "timing-wrong",
    "gpu-xid",
    "gpu-needs-reset",
    "gpu-not-served",
    "memory-not-limited",
    "device-memory-moves",
    "fabric-not-joined",
    "fp16-nan-without-tensor-cores",
    "compile-failed",
    "extension-failed",
}


@pytest.mark.parametrize("name", COLLECTED)
def test_every_collected_case_is_explained(name: str) -> None:
    cause = known_causes()[name]
    assert cause.title
    assert cause.why
    assert cause.fix
    assert cause.sources


def test_every_cause_is_recognised_by_something() -> None:
    folder = CAUSES.parent
    code = "".join(path.read_text(encoding="utf-8") for path in [*folder.rglob("*.py")])
    by_rule = {cause for _, cause, _ in RULES} | {cause for _, cause, _ in PARTICULAR}
    for name, cause in known_causes().items():
        if name in MEASURED:
            continue
        assert cause.symptoms or cause.findings or name in by_rule or f'"{name}"' in code, name


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in TEXTS.items() for text in texts])
def test_a_text_shows_its_cause(name: str, text: str) -> None:
    assert cause_of_text(text) == name


def test_every_cause_with_symptoms_has_a_text_that_is_tried() -> None:
    general = {
        "native-crash",
        "device-memory-full",
        "torch-not-installed",
        "python-too-old-for-probe",
        "gpu-not-found",
        "no-compiler",
    }
    untried = {name for name, cause in known_causes().items() if cause.symptoms} - TEXTS.keys() - general
    assert untried <= {"cudnn-shadowed", "interpreter-broken", "gpu-devices-closed", "gpu-power-missing"}, untried


@pytest.mark.parametrize("text", ["", "all is well", "loss 0.31 at step 79", "version 12.6", "import torch"])
def test_an_ordinary_text_shows_none(text: str) -> None:
    assert cause_of_text(text) is None


def test_a_log_is_told_cause_by_cause_with_its_last_line() -> None:
    log = (
        "start\nNVRM: Xid (PCI:0000:01:00): 79, first\nok\nNo MIG devices found\nNVRM: Xid (PCI:0000:01:00): 79, last\n"
    )
    assert causes_in(log) == (
        ("xid-79-fallen-off-bus", "NVRM: Xid (PCI:0000:01:00): 79, last"),
        ("mig-no-instance", "No MIG devices found"),
    )


def test_the_findings_that_name_a_cause_are_those_of_detection() -> None:
    folder = CAUSES.parents[1] / "detect"
    known = set(re.findall(r'"([a-z0-9-]+)"', "".join(path.read_text() for path in folder.glob("*.py"))))
    prefixed = {"nvml-" + code for code in known}
    variables = {"ld-preload-set", "pythonpath-set", "pythonhome-set"}
    named = {code for cause in known_causes().values() for code in cause.findings}
    assert named <= known | prefixed | variables, named - known - prefixed - variables
    assert cause_of_finding("nouveau-loaded") == "nouveau-loaded"
    assert cause_of_finding("cloud-machine") is None


def test_no_cause_is_written_twice() -> None:
    # Two branches that add the same cause can be merged without a conflict, and the later entry would win silently.
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), sorted({name for name in names if names.count(name) > 1})
        return dict(pairs)

    json.loads(CAUSES.read_text(encoding="utf-8"), object_pairs_hook=once)


def facts(**changes: object) -> MachineFacts:
    os = OperatingSystem(system="linux", arch="x86_64", **{"id": "ubuntu", "like": ("debian",), **changes})  # type: ignore[arg-type]
    return MachineFacts(os=os, gpus=())


def commands(name: str, machine: MachineFacts | None) -> str:
    return " ".join(command for fix in fixes_for(known_causes()[name], machine) for command in fix.run)


def test_the_fix_is_for_this_distribution() -> None:
    assert "update-initramfs" in commands("nouveau-loaded", facts())
    assert "dracut" not in commands("nouveau-loaded", facts())
    assert "dracut" in commands("nouveau-loaded", facts(id="rocky", like=("rhel", "fedora")))
    everywhere = commands("nouveau-loaded", facts(id="void", like=()))
    assert "dracut" in everywhere
    assert "mkinitcpio" in everywhere
    assert commands("nouveau-loaded", None) == everywhere


def test_what_is_for_containers_is_told_in_containers() -> None:
    machine = MachineFacts(os=facts().os, gpus=(), context=Surroundings(container="docker"))
    assert "docker run" in commands("uvm-device-missing", machine)
    assert "docker run" not in commands("uvm-device-missing", facts())


def test_what_is_known_is_put_into_the_commands() -> None:
    driver = NvidiaDriver(state="mismatch", driver_version="580.95.05")
    machine = MachineFacts(os=facts().os, gpus=(), nvidia=driver)
    assert "apt-mark hold nvidia-driver-580" in commands("nvml-driver-library-mismatch", machine)
    (fix,) = (
        fix
        for fix in fixes_for(known_causes()["numpy2-abi"], machine, "/my env/bin/python")
        if fix.run[0] != "torchup setup"
    )
    assert fix.run == ("'/my env/bin/python' -m pip install 'numpy<2'",)
    assert "<branch>" in commands("nvml-driver-library-mismatch", facts())
