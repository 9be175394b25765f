"""The diagnosis by facts alone: each broken layer is named, and what stands on it is not looked at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from torchup.detect.commands import Ran
from torchup.detect.host import Host
from torchup.model.diagnosis import Diagnosis, Found, LayerResult
from torchup.model.facts import (
    Finding,
    Gpu,
    MachineFacts,
    NvidiaDriver,
    OperatingSystem,
    Shells,
    Surroundings,
    Toolkit,
)
from torchup.model.outcome import Check, Report
from torchup.verify.doctor.engine import Layer, Look, examine
from torchup.verify.doctor.order import LAYERS, diagnose
from torchup.verify.doctor.packages import Package, Packages, read_packages
from torchup.verify.doctor.subject import Interpreter, Subject, usable_gpus
from torchup.verify.doctor.toolchain import gcc_bound, network_file_system

CARD = Gpu(index=0, vendor="nvidia", name="NVIDIA GeForce RTX 4090", compute_capability="8.9")
OK = NvidiaDriver(state="ok", driver_version="580.65.06", cuda_version="13.0", loaded_version="580.65.06")


def machine(
    *findings: Finding,
    gpus: tuple[Gpu, ...] = (CARD,),
    nvidia: NvidiaDriver | None = OK,
    **around: Any,
) -> MachineFacts:
    return MachineFacts(
        os=OperatingSystem(
            system="linux", arch="x86_64", id="ubuntu", like=("debian",), libc="glibc", libc_version="2.39"
        ),
        gpus=gpus,
        nvidia=nvidia,
        context=Surroundings(**around),
        findings=findings,
    )


def no_command(command: tuple[str, ...], environ: Mapping[str, str], seconds: float) -> Ran:
    return Ran(returncode=0, stdout='{"version": "2.13.0+cu126", "file": "/env/torch", "count": 1}')


def subject(facts: MachineFacts, tmp_path: Path, *, kernel: str = "", **more: Any) -> Subject:
    host = Host.at(tmp_path, environ={}, home=Path("/home/ada"))
    made = Subject(facts=facts, environ=more.pop("environ", {}), host=host, ask=more.pop("ask", no_command), **more)
    made.kernel_log = lambda: kernel
    return made


def layers(diagnosis: Diagnosis) -> dict[str, LayerResult]:
    return {layer.name: layer for layer in diagnosis.layers}


def causes(layer: LayerResult) -> list[str]:
    return [found.cause for found in layer.found]


def driver(state: Any) -> NvidiaDriver:
    return NvidiaDriver(state=state, driver_version="580.65.06")


@pytest.mark.parametrize(
    ("facts", "layer", "cause"),
    [
        (machine(nvidia=driver("missing")), "kernel", "driver-missing"),
        (machine(nvidia=driver("not_loaded")), "kernel", "driver-not-loaded"),
        (machine(nvidia=driver("mismatch")), "kernel", "nvml-driver-library-mismatch"),
        (machine(nvidia=driver("nouveau")), "kernel", "nouveau-loaded"),
        (machine(nvidia=driver("error")), "kernel", "driver-serves-no-gpu"),
        (machine(nvidia=driver("no_device_nodes")), "devices", "nvidia-devices-missing"),
        (machine(nvidia=driver("no_permission")), "devices", "gpu-devices-closed"),
        (machine(nvidia=driver("no_device_nodes"), container="docker"), "devices", "container-driver-capabilities"),
        (
            machine(
                Finding(code="nvml-unknown", text="NVML met an error."), nvidia=driver("error"), container="docker"
            ),
            "devices",
            "container-lost-gpu-daemon-reload",
        ),
        (
            machine(Finding(code="nvml-operating-system", text="It is blocked."), nvidia=driver("error"), wsl=2),
            "driver",
            "wsl-gpu-access-blocked",
        ),
        (
            machine(Finding(code="nvidia-module-unsigned", text="Not loaded."), nvidia=driver("not_loaded")),
            "firmware",
            "secure-boot-unsigned-module",
        ),
        (
            machine(Finding(code="nvidia-module-not-built", text="Not built."), nvidia=driver("missing")),
            "kernel",
            "kernel-update-module-missing",
        ),
        (machine(Finding(code="nvidia-uvm-missing", text="Missing.")), "devices", "uvm-device-missing"),
        (
            machine(Finding(code="gpus-hidden", text="Hidden.", evidence="X=''")),
            "masks",
            "cuda-visible-devices-hides-gpu",
        ),
        (machine(Finding(code="mig-without-instance", text="MIG.")), "masks", "mig-no-instance"),
        (machine(Finding(code="kfd-closed", text="Closed."), nvidia=None), "devices", "rocm-kfd-permission"),
        (
            machine(Finding(code="nvml-gpu-is-lost", text="Lost."), nvidia=driver("error")),
            "bus",
            "xid-79-fallen-off-bus",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_layer_that_is_broken_is_named(facts: MachineFacts, layer: str, cause: str, tmp_path: Path) -> None:
    diagnosis = diagnose(subject(facts, tmp_path))
    found = layers(diagnosis)[layer]
    assert causes(found)[0] == cause
    assert found.status == "blocker"
    assert found.found[0].evidence
    assert diagnosis.status == "blocked"
    assert diagnosis.causes[cause]["fix"]


def test_what_stands_on_a_broken_layer_is_not_looked_at(tmp_path: Path) -> None:
    looked: list[str] = []

    def test() -> Report:
        looked.append("test")
        return Report(python="p", level="quick", checks=(), verdict="pass")

    python = Interpreter(path="/env/bin/python", prefix="/env", base_prefix="/usr")
    packages = Packages(found=(Package(name="torch", version="2.13.0+cu126"),), variant="cu126")
    made = subject(machine(nvidia=driver("nouveau")), tmp_path, interpreter=python, packages=packages, quick_test=test)
    found = layers(diagnose(made))
    for name in ("devices", "driver", "masks", "torch"):
        assert (found[name].status, found[name].detail) == ("not-reached", "it stands on: kernel")
    # The software stands on its own feet, and is told as well.
    assert found["loader"].status == "ok"
    assert not looked


def test_a_cpu_build_does_not_stand_on_the_driver(tmp_path: Path) -> None:
    python = Interpreter(path="/env/bin/python", prefix="/env", base_prefix="/usr")
    packages = Packages(found=(Package(name="torch", version="2.13.0+cpu"),), variant="cpu")
    checks = (Check(id="exact-fp32", gpu="cpu", status="pass"),)
    made = subject(
        machine(nvidia=driver("nouveau")),
        tmp_path,
        interpreter=python,
        packages=packages,
        planned_variant="cpu",
        quick_test=lambda: Report(python="p", level="quick", checks=checks, verdict="pass"),
    )
    assert layers(diagnose(made))["torch"].status == "ok"


def test_nothing_after_the_first_blocker_of_a_layer_is_told() -> None:
    def look(_: Subject) -> Look:
        return Look(
            found=(Found(cause="numpy2-abi"), Found(cause="torch-incomplete"), Found(cause="cpu-wheel-installed"))
        )

    (result,) = examine(None, [Layer(name="packages", look=look)])  # type: ignore[arg-type]
    assert causes(result) == ["numpy2-abi", "torch-incomplete"]
    assert result.status == "blocker"


def test_a_layer_that_cannot_be_looked_at_hides_no_other() -> None:
    def broken(_: Subject) -> Look:
        raise OSError("no")

    layers_ = [Layer(name="bus", look=broken), Layer(name="logs", look=lambda _: Look(seen="fine"))]
    first, second = examine(None, layers_)  # type: ignore[arg-type]
    assert first.status == "skipped"
    assert "no" in first.detail
    assert (second.status, second.detail) == ("ok", "fine")


def test_the_order_is_from_the_bus_upwards() -> None:
    seen: set[str] = set()
    made = Subject(
        facts=machine(), environ={}, host=Host.at(Path("/nothing"), environ={}, home=Path("/")), ask=no_command
    )
    for layer in LAYERS:
        assert set(layer.needs(made)) <= seen, layer.name
        seen.add(layer.name)


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        ("NVRM: RmInitAdapter: Cannot initialize GSP firmware RM", "gsp-firmware-init-failed"),
        ("NVRM: GPU 0000:01:00.0: RmInitAdapter failed! (0x22:0x56:884)", "above-4g-rebar-off"),
        ("NVRM: installed in this system requires use of the NVIDIA open kernel modules.", "open-modules-required"),
        ("NVRM: GPU 0000:01:00.0: GPU has fallen off the bus.", "xid-79-fallen-off-bus"),
    ],
)
def test_the_kernel_says_why_a_driver_serves_nothing(log: str, cause: str, tmp_path: Path) -> None:
    found = layers(diagnose(subject(machine(nvidia=driver("error")), tmp_path, kernel=f"boot\n{log}\n")))["kernel"]
    assert causes(found) == [cause]
    assert log in found.found[0].evidence[1]


def test_the_log_alone_is_a_warning(tmp_path: Path) -> None:
    diagnosis = diagnose(subject(machine(), tmp_path, kernel="NVRM: Xid (PCI:0000:01:00): 63, pid=1, remapped"))
    assert causes(layers(diagnosis)["logs"]) == ["ecc-uncorrectable"]
    assert layers(diagnosis)["logs"].status == "warn"


def with_packages(*found: tuple[str, str], requires: tuple[str, ...] = (), variant: str | None = "cu126") -> Packages:
    return Packages(
        found=tuple(
            Package(name=name, version=version, requires=requires if name == "torch" else ()) for name, version in found
        ),
        variant=variant,
        markers={"sys_platform": "linux", "platform_system": "Linux", "python_version": "3.12"},
    )


TORCH = ("torch", "2.13.0+cu126")


@pytest.mark.parametrize(
    ("packages", "facts", "cause", "evidence"),
    [
        (with_packages(), machine(), "torch-not-installed", "no torch"),
        (with_packages(("torch", "2.13.0+cpu"), variant="cpu"), machine(), "cpu-wheel-installed", "CPU build"),
        (with_packages(TORCH, ("torch", "2.6.0")), machine(), "torch-partially-initialized", "torch 2.6.0"),
        (
            with_packages(TORCH, ("torchvision", "0.28.0+cpu")),
            machine(),
            "torchvision-nms-missing",
            "torchvision is cpu, torch is cu126",
        ),
        (
            with_packages(("torch", "2.1.0+cu118"), ("numpy", "2.1.0"), variant="cu118"),
            machine(),
            "numpy2-abi",
            "2.1.0",
        ),
        (
            with_packages(TORCH, ("nvidia-cudnn-cu12", "9.1.0.70"), requires=("nvidia-cudnn-cu12==9.10.2.21",)),
            machine(),
            "cuda-pins-differ",
            "torch asks for nvidia-cudnn-cu12==9.10.2.21, 9.1.0.70 is installed",
        ),
        (with_packages(TORCH, requires=("sympy>=1.13",)), machine(), "torch-incomplete", "sympy>=1.13"),
        (
            with_packages(("torch", "2.13.0+cu130"), variant="cu130"),
            machine(nvidia=NvidiaDriver(state="ok", driver_version="535.183.01", cuda_version="12.2")),
            "driver-too-old",
            "CUDA 13 needs driver >= 580.65.06, 535.183.01 is installed",
        ),
        (
            with_packages(("torch", "2.13.0+cu130"), variant="cu130"),
            machine(gpus=(Gpu(index=0, vendor="nvidia", name="GTX 1080 Ti", compute_capability="6.1"),)),
            "no-kernel-image-old-gpu",
            "compute capability 6.1",
        ),
    ],
)
def test_packages(packages: Packages, facts: MachineFacts, cause: str, evidence: str, tmp_path: Path) -> None:
    python = Interpreter(path="/env/bin/python", prefix="/env", base_prefix="/usr")
    found = layers(diagnose(subject(facts, tmp_path, interpreter=python, packages=packages)))["packages"]
    assert cause in causes(found)
    assert evidence in " ".join(next(one for one in found.found if one.cause == cause).evidence)


@pytest.mark.parametrize(
    "packages",
    [
        with_packages(TORCH, ("numpy", "2.3.0"), ("torchvision", "0.28.0+cu126")),
        with_packages(
            TORCH, requires=("triton==3.5.0; sys_platform == 'win32'", "opt-einsum>=3.3; extra == 'opt-einsum'")
        ),
    ],
)
def test_packages_that_are_right(packages: Packages, tmp_path: Path) -> None:
    python = Interpreter(path="/env/bin/python", prefix="/env", base_prefix="/usr")
    assert not causes(layers(diagnose(subject(machine(), tmp_path, interpreter=python, packages=packages)))["packages"])


@pytest.mark.parametrize(
    ("python", "os", "cause"),
    [
        (Interpreter(path="/p", bits=32), {}, "python-32bit"),
        (Interpreter(path="/p", problem="No Python at /usr/bin/python3.9"), {}, "interpreter-broken"),
        (Interpreter(path="/p"), {"libc": "musl", "libc_version": "1.2.5"}, "musl-alpine"),
        (Interpreter(path="/p"), {"libc": "glibc", "libc_version": "2.17"}, "glibc-too-old"),
        (Interpreter(path="/p", machine="x86_64"), {"system": "darwin", "libc": None}, "macos-intel"),
    ],
)
def test_interpreters(python: Interpreter, os: dict[str, Any], cause: str, tmp_path: Path) -> None:
    system: dict[str, Any] = {"system": "linux", "libc": "glibc", "libc_version": "2.39", **os}
    facts = MachineFacts(os=OperatingSystem(arch="x86_64", **system), gpus=())
    found = layers(diagnose(subject(facts, tmp_path, interpreter=python, packages=with_packages(TORCH))))
    assert causes(found["interpreter"]) == [cause]
    assert found["packages"].status == "not-reached"


@pytest.mark.parametrize(
    ("answer", "switch", "uvm", "cause"),
    [
        (802, True, True, "fabric-manager-missing"),
        (802, False, True, "error-802-without-nvswitch"),
        (803, False, True, "error-803-driver-mix"),
        (804, False, True, "forward-compat-804"),
        (999, False, False, "uvm-device-missing"),
        (999, False, True, "uvm-after-suspend"),
        (214, False, True, "ecc-uncorrectable"),
    ],
)
def test_what_cuda_answers(answer: int, switch: bool, uvm: bool, cause: str, tmp_path: Path) -> None:
    if switch:
        folder = tmp_path / "sys/bus/pci/devices/0000:05:00.0"
        folder.mkdir(parents=True)
        (folder / "vendor").write_text("0x10de\n")
        (folder / "class").write_text("0x068000\n")
    if uvm:
        (tmp_path / "dev").mkdir()
        (tmp_path / "dev/nvidia-uvm").touch()

    def asked(command: tuple[str, ...], environ: Mapping[str, str], seconds: float) -> Ran:
        return Ran(returncode=0, stdout=f"{answer}\n")

    made = subject(machine(), tmp_path, ask=asked)
    made.host = Host(sysroot=tmp_path, environ={}, home="/home/ada", live=True)
    found = layers(diagnose(made))["driver"]
    assert causes(found) == [cause]
    assert f"cuInit answers {answer}" in found.found[0].evidence


def test_toolchain(tmp_path: Path) -> None:
    toolkit = tmp_path / "usr/local/cuda-11.8/bin"
    toolkit.mkdir(parents=True)
    facts = machine()
    facts = MachineFacts(
        os=facts.os,
        gpus=facts.gpus,
        nvidia=OK,
        toolkits=(Toolkit(version="11.8", path="/usr/local/cuda-11.8", nvcc=True),),
    )
    python = Interpreter(path="/env/bin/python", prefix="/env", base_prefix="/usr")
    made = subject(
        facts,
        tmp_path,
        interpreter=python,
        packages=with_packages(TORCH),
        environ={"CUDA_HOME": "/usr/local/cuda-11.8"},
    )
    found = layers(diagnose(made))["toolchain"]
    assert causes(found) == ["nvcc-cuda-mismatch"]
    assert found.status == "degraded"


@pytest.mark.parametrize(
    ("cuda", "bound"), [((12, 2), 13), ((12, 6), 14), ((12, 9), 15), ((13, 0), 16), ((11, 8), None), ((14, 0), None)]
)
def test_gcc_bounds(cuda: tuple[int, int], bound: int | None) -> None:
    assert gcc_bound(cuda) == bound


def test_network_file_systems() -> None:
    mounts = "/dev/sda / ext4 rw 0 0\nsrv:/home /home nfs4 rw 0 0\n/dev/sdb /home/ada/scratch\\040one xfs rw 0 0\n"
    assert network_file_system(mounts, "/home/ada/.triton") == "nfs4"
    assert network_file_system(mounts, "/home/ada/scratch one/.triton") is None
    assert network_file_system(mounts, "/homework") is None


def test_a_start_up_file_that_sets_the_library_path_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "home/ada").mkdir(parents=True)
    (tmp_path / "home/ada/.bashrc").write_text("# mine\nexport LD_LIBRARY_PATH=/usr/local/cuda/lib64\n")
    facts = machine()
    facts = MachineFacts(os=facts.os, gpus=(), shells=Shells(files=("/home/ada/.bashrc",)))
    found = layers(diagnose(subject(facts, tmp_path)))["shell"]
    assert causes(found) == ["library-path-by-hand"]
    assert found.found[0].evidence[0].startswith("/home/ada/.bashrc:2: export LD_LIBRARY_PATH")


@pytest.mark.parametrize(
    ("gpu", "usable"),
    [
        (CARD, True),
        (Gpu(index=0, vendor="intel", name="UHD Graphics 630", pci_id="8086:3e92"), False),
        (Gpu(index=0, vendor="intel", name="Arc A770", pci_id="8086:56a0"), True),
        (Gpu(index=0, vendor="intel"), False),
        (Gpu(index=0, vendor="amd", gfx="gfx1100"), True),
        (Gpu(index=0, vendor="amd", gfx="gfx902"), False),
        (Gpu(index=0, vendor="amd"), True),
        (Gpu(index=0, vendor="apple"), True),
    ],
)
def test_not_every_display_controller_is_a_gpu_for_torch(gpu: Gpu, usable: bool) -> None:
    assert bool(usable_gpus(machine(gpus=(gpu,)))) is usable


@pytest.mark.parametrize(("installer", "named"), [("uv", True), ("pip", True), ("conda", False), (None, False)])
def test_files_of_torch_that_are_gone_are_named(tmp_path: Path, installer: str | None, named: bool) -> None:
    """conda changes files after they were recorded, so there RECORD tells nothing."""
    info = tmp_path / "site/torch-2.13.0+cu126.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: torch\nVersion: 2.13.0+cu126\n")
    if installer:
        (info / "INSTALLER").write_text(f"{installer}\n")
    gone = [f"torch/lib/lib{name}.so" for name in ("torch_cpu", "torch_cuda", "c10", "c10_cuda", "shm")]
    (info / "RECORD").write_text("".join(f"{path},sha256=x,10\n" for path in gone))
    python = Interpreter(path="/env/bin/python", prefix="/env", base_prefix="/usr")
    made = subject(machine(), tmp_path, interpreter=python)
    made.packages = read_packages(made.host, ("/site",), prefix="/env", markers={})
    found = layers(diagnose(made))["packages"]
    assert ("torch-files-damaged" in causes(found)) is named
    if named:
        assert found.found[0].evidence == (
            *(f"missing or cut short: /site/{path}" for path in gone[:3]),
            "and 2 more",
        )
        assert found.status == "blocker"
