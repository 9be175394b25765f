"""The driver after the restart: the planned one, another one, or none, with the cause; and how a run stops at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.sandbox import Sandbox
from torchup.app.driver import driver_checker_for
from torchup.apply.driver_check import DriverVerdict
from torchup.apply.history import last_run
from torchup.apply.run import apply_plan, predict, resume_run
from torchup.errors import StoppedError
from torchup.model.plan import CheckDriver, Plan, WriteFile

KERNEL = "6.12.0-1-amd64"
SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
VERSION = "NVRM version: NVIDIA UNIX {kind}Kernel Module for x86_64  {version}  Release Build\n"
DISK = {f"lib/modules/{KERNEL}/modules.dep": b"updates/dkms/nvidia.ko.xz:\n"}
LOG = b"make: Entering\nnvidia/os-interface.c:1: error: implicit declaration of function 'x'\nmake: *** [all] Error 2\n"


def loaded(version: str = "580.95.05", kind: str = "Open ") -> dict[str, bytes]:
    return {"proc/driver/nvidia/version": VERSION.format(kind=kind, version=version).encode()}


def tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in {"proc/sys/kernel/osrelease": f"{KERNEL}\n".encode(), **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def check(minimum: str | None = "580.65.06") -> CheckDriver:
    return CheckDriver(id="driver", summary="Look at the driver", why="w", branch="580", module="open", minimum=minimum)


@pytest.mark.parametrize(
    ("files", "code", "says"),
    [
        (loaded(), "", "580.95.05, open module"),
        (loaded("550.163.01"), "driver-other-module", "branch 580; 580.65.06 or newer"),
        (loaded("580.60.02"), "driver-other-module", "580.65.06 or newer"),
        (loaded(kind=""), "driver-other-module", "the open module"),
        ({"sys/module/nvidia/version": b"580.95.05\n", **DISK}, "", "580.95.05, unknown module"),
        ({"sys/module/nouveau/initstate": b"live\n", **DISK}, "driver-nouveau", "nouveau"),
        ({}, "driver-not-built", "The headers of 6.12.0-1-amd64 are missing"),
        ({f"lib/modules/{KERNEL}/build/x": b""}, "driver-not-built", "was not built."),
        ({"var/lib/dkms/nvidia/580.95.05/build/make.log": LOG}, "driver-not-built", "was not built"),
        ({**DISK, SECURE_BOOT: b"\6\0\0\0\1"}, "driver-key-not-enrolled", "not enrolled"),
        ({**DISK, SECURE_BOOT: b"\6\0\0\0\0"}, "driver-not-loaded", "is on disk and not loaded"),
        (DISK, "driver-not-loaded", "is on disk and not loaded"),
    ],
)
def test_the_cause_is_named(box: Sandbox, tmp_path: Path, files: dict[str, bytes], code: str, says: str) -> None:
    verdict = driver_checker_for(box.context, sysroot=tree(tmp_path / "machine", files))(check())
    assert (verdict.ok, verdict.code) == (not code, code)
    assert says in verdict.text
    assert verdict.ok or verdict.hint
    if "var/lib/dkms/nvidia/580.95.05/build/make.log" in files:
        assert any("implicit declaration" in line for line in verdict.evidence)


def test_any_module_and_version_of_the_branch_will_do_where_none_is_named(box: Sandbox, tmp_path: Path) -> None:
    step = CheckDriver(id="d", summary="s", why="w", branch="580", module=None, minimum=None)
    for files in (loaded("580.1", ""), loaded("580.2")):
        assert driver_checker_for(box.context, sysroot=tree(tmp_path, files))(step).ok


def test_a_run_stops_at_another_driver_and_goes_on_when_it_is_right(box: Sandbox) -> None:
    before = WriteFile(id="before", summary="s", why="w", path=str(box.home / "before"), content="x")
    after = WriteFile(id="after", summary="s", why="w", path=str(box.home / "after"), content="x")
    plan = Plan(tool_version="0", facts_digest="", request_digest="", steps=(before, check(), after))
    assert [outcome.status for outcome in predict(plan, box.machine)] == ["changed", "unchanged", "changed"]
    wrong = DriverVerdict(ok=False, code="driver-nouveau", text="nouveau is loaded.", hint="Restart.")
    with pytest.raises(StoppedError) as caught:
        apply_plan(plan, box.machine, verifier=None, driver_checker=lambda _step: wrong)
    assert (caught.value.code, caught.value.exit_status) == ("driver-nouveau", 5)
    assert "torchup resume" in (caught.value.hint or "")
    assert (box.home / "before").exists()
    assert not (box.home / "after").exists()
    run = last_run(box.context)
    assert run is not None
    assert run.is_open
    right = DriverVerdict(ok=True, text="right")
    result = resume_run(box.machine, verifier=None, driver_checker=lambda _step: right)
    assert [outcome.detail for outcome in result.outcomes if outcome.step_id == "driver"] == ["right"]
    assert (box.home / "after").exists()
