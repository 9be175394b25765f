"""The recipes as plans: one snapshot for every machine that gets a driver or a toolkit from its system."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from support.machines import MACHINES, nvidia, read_machine, request_of
from support.sandbox import context_in
from support.system_plans import HOME, decided, planned, planned_machine, system_steps, told
from support.tools import require
from torchup.apply.run import Machine, apply_plan
from torchup.apply.script import dry_run
from torchup.apply.unseen_system import unseen_system
from torchup.errors import RefusedError
from torchup.knowledge.recipes import keyring_digest, recipes_for
from torchup.knowledge.systems import kernel_flavour, release_of
from torchup.knowledge.tables import table
from torchup.model.facts import DriverOrigin, MachineFacts, NvidiaDriver, OperatingSystem, PackageSource, Surroundings
from torchup.model.plan import CheckDriver, EnrollKey, InstallSystemPackages, Plan, Reboot, WriteFile
from torchup.model.request import ToolkitWish
from torchup.model.resolution import DriverDecision, ToolkitDecision
from torchup.plan.system.advice import with_driver_commands
from torchup.plan.system.components import PLACE
from torchup.plan.system.toolkit_steps import plan_toolkit

RECIPES = sorted(MACHINES.glob("recipe-*.yaml"))
INSTALL = request_of({"driver": {"action": "install"}})


_SUITES = {"11": "bullseye", "12": "bookworm", "13": "trixie"}


def _linux(
    system_id: str, version: str | None, *, like: tuple[str, ...] = (), kernel: str = "6.8.0-45-generic", **more: object
) -> MachineFacts:
    system = OperatingSystem(
        system="linux", id=system_id, version=version, like=like, arch="x86_64", kernel=kernel, libc="glibc",
        libc_version="2.39",
    )  # fmt: skip
    suites = (_SUITES.get(version or "", "stable"),)
    archive = PackageSource(uri="http://mirror.example/debian", suites=suites, components=("main",))
    facts = MachineFacts(
        os=system,
        gpus=nvidia("8.9"),
        nvidia=NvidiaDriver(state="missing"),
        apt_sources=(archive,) if system_id == "debian" else (),
    )
    return replace(facts, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem.removeprefix("recipe-"))
def test_plan(path: Path, snapshot: SnapshotAssertion) -> None:
    _, plan = planned_machine(path)
    assert told(plan) == snapshot


def test_every_recipe_is_planned_on_some_machine() -> None:
    titles = "\n".join(told(planned_machine(path)[1]) for path in RECIPES)
    for row in table("system_recipes")["recipes"]:
        assert f"from {row['title']}" in titles, row["id"]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem.removeprefix("recipe-"))
def test_the_script_of_every_recipe_passes_shellcheck(path: Path, tmp_path: Path) -> None:
    _, plan = planned_machine(path)
    context = context_in(HOME)
    script = tmp_path / "script.sh"
    script.write_text(dry_run(plan, unseen_system(plan, context), context).script, encoding="utf-8")
    require("dash")
    shellcheck = Path(sys.executable).parent / "shellcheck"
    program = str(shellcheck) if shellcheck.exists() else require("shellcheck")
    for argv in ([program, str(script)], ["dash", "-n", str(script)]):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_driver_is_checked_after_the_restart_and_before_what_needs_it() -> None:
    _, plan = planned_machine(MACHINES / "recipe-debian-nvidia.yaml")
    ids = [step.id for step in plan.steps]
    order = ["answers", "driver", "driver-key", "restart", "driver-check", "environment", "packages", "verify"]
    assert sorted(ids, key=ids.index) == ids
    assert [step_id for step_id in ids if step_id in order] == order


def test_nothing_is_planned_about_a_driver_that_was_not_asked_for() -> None:
    facts = read_machine(MACHINES / "recipe-ubuntu-archive.yaml").facts
    with pytest.raises(Exception, match="no build of PyTorch") as caught:
        planned(facts, request_of({}))
    assert caught.value.code == "nothing-to-install"  # type: ignore[attr-defined]


def test_the_commands_told_are_those_of_the_plan() -> None:
    """Whoever does it by hand types what torchup would have run, no more and no less."""
    for path in RECIPES:
        machine, plan = planned_machine(path)
        resolution = with_driver_commands(decided(machine.facts, machine.request), machine.facts)
        told_lines = [line for step in resolution.next_steps for line in step.commands]
        for step in system_steps(plan):
            if isinstance(step, InstallSystemPackages | EnrollKey) and resolution.driver.action in (
                "install",
                "upgrade",
            ):
                for command in step.commands:
                    assert any(all(word in line for word in command.argv) for line in told_lines), (path.stem, command)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (_linux("gentoo", "2.17"), "system-unknown"),
        (_linux("kali", "2025.3", like=("debian",)), "system-unknown"),
        (_linux("centos", "9", like=("rhel", "fedora")), "system-unknown"),
        (_linux("ubuntu", "25.10"), "system-unknown"),
        (_linux("nixos", "25.05"), "driver-by-hand"),
        (_linux("pop", "22.04", like=("ubuntu", "debian")), "driver-by-hand"),
        (_linux("manjaro", None, like=("arch",)), "driver-by-hand"),
        (_linux("opensuse-tumbleweed", "20251101", like=("suse",)), "driver-by-hand"),
        (_linux("ubuntu", "24.04", nvidia=NvidiaDriver(state="ok", driver_version="418.40.04")), "driver-origin-unknown"),
        (_linux("arch", None, kernel="6.17.4-arch1-1", context=Surroundings(secure_boot=True)), "secure-boot-unsupported"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_where_no_recipe_is_sure_nothing_is_guessed(facts: MachineFacts, code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        planned(facts, INSTALL)
    assert caught.value.code == code
    assert caught.value.hint


def test_a_kernel_that_is_not_known_gets_no_headers() -> None:
    facts = _linux("debian", "12", kernel="")
    with pytest.raises(RefusedError) as caught:
        planned(facts, INSTALL)
    assert caught.value.code == "kernel-unknown"


def test_components_are_not_switched_on_where_the_archive_is_not_known() -> None:
    with pytest.raises(RefusedError) as caught:
        planned(_linux("debian", "12", kernel="6.1.0-40-amd64", apt_sources=()), INSTALL)
    assert caught.value.code == "apt-sources-unknown"
    assert "apt_sources" in (caught.value.hint or "")


def test_a_branch_that_no_source_holds_is_refused_with_what_they_hold() -> None:
    with pytest.raises(RefusedError) as caught:
        planned(
            _linux("debian", "13", kernel="6.12.48+deb13-amd64"),
            request_of({"driver": {"action": "install", "branch": "535"}}),
        )
    assert caught.value.code == "driver-not-offered"
    assert any("550 (open or proprietary)" in line for line in caught.value.evidence)


def test_a_key_is_registered_only_where_no_vendor_signed() -> None:
    keys = {
        path.stem: [step for step in planned_machine(path)[1].steps if isinstance(step, EnrollKey)] for path in RECIPES
    }
    with_key = {name.removeprefix("recipe-") for name, steps in keys.items() if steps}
    # Secure Boot is on on these, and on recipe-ubuntu-archive, whose modules Canonical has signed.
    assert with_key == {"debian-nvidia", "fedora-rpmfusion", "opensuse", "oracle-9", "ubuntu-nvidia"}
    for (step,) in filter(None, keys.values()):
        assert "MokManager" in step.why
        assert step.commands[-1].argv == ("mokutil", "--import", step.key_path)


def test_without_a_person_nothing_is_begun(tmp_path: Path) -> None:
    _, plan = planned_machine(MACHINES / "recipe-debian-nvidia.yaml")
    only_key = replace(plan, steps=tuple(step for step in plan.steps if isinstance(step, EnrollKey)))
    with pytest.raises(RefusedError) as caught:
        apply_plan(only_key, Machine(context=context_in(tmp_path), attended=False), verifier=None)
    assert (caught.value.code, caught.value.exit_status) == ("secure-boot-needs-person", 6)


def test_components_follow_the_mirror_that_is_there() -> None:
    sources = (
        PackageSource(uri="http://mirror/debian", suites=("bookworm",), components=("main",), signed_by="/k.gpg"),
        PackageSource(uri="http://mirror/debian", suites=("bookworm",), components=("contrib",)),
        PackageSource(uri="https://other/apt", suites=("stable",), components=("main",)),
    )
    facts = _linux("debian", "12", kernel="6.1.0-40-amd64", apt_sources=sources)
    wanted = request_of({"driver": {"action": "install", "branch": "535"}})
    file = next(step for step in planned(facts, wanted).steps if isinstance(step, WriteFile) and step.path == PLACE)
    assert file.content.splitlines() == [
        "# Written by torchup.",
        "Types: deb",
        "URIs: http://mirror/debian",
        "Suites: bookworm",
        "Components: non-free non-free-firmware",
        "Signed-By: /k.gpg",
    ]
    everything = replace(sources[1], components=("contrib", "non-free", "non-free-firmware"))
    complete = replace(facts, apt_sources=(sources[0], everything))
    assert not any(isinstance(step, WriteFile) and step.path == PLACE for step in planned(complete, wanted).steps)


def _toolkit(facts: MachineFacts, **wish: object) -> Plan:
    origin: DriverOrigin = "distribution" if facts.os.id == "debian" else "nvidia"
    with_driver = replace(facts, nvidia=NvidiaDriver(state="ok", driver_version="580.95.05", origin=origin))
    return planned(with_driver, request_of({"cuda_toolkit": {"source": "system", **wish}}))


def test_a_toolkit_alone_needs_no_restart_and_names_its_folder() -> None:
    plan = _toolkit(_linux("ubuntu", "24.04"))
    kinds = {type(step) for step in plan.steps}
    assert not kinds & {Reboot, CheckDriver, EnrollKey}
    step = next(step for step in plan.steps if step.id == "cuda-toolkit")
    assert isinstance(step, InstallSystemPackages)
    assert step.packages == ("cuda-toolkit-13-0",)


@pytest.mark.parametrize(
    ("facts", "wish", "code"),
    [
        (_linux("arch", None, kernel="6.17.4-arch1-1"), {}, "toolkit-not-offered"),
        (_linux("ubuntu", "20.04"), {}, "toolkit-not-offered"),
        (_linux("gentoo", "2"), {}, "system-unknown"),
        (_linux("debian", "13"), {"version": "12.4", "cudnn": True}, "cudnn-not-offered"),
    ],
)
def test_a_toolkit_that_cannot_be_had_says_what_can(facts: MachineFacts, wish: dict[str, object], code: str) -> None:
    with pytest.raises(RefusedError) as caught:
        _toolkit(facts, **wish)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("driver", "container", "package"),
    [
        (NvidiaDriver(state="ok", driver_version="550.163.01", origin="distribution"), None, "nvidia-cuda-toolkit"),
        (NvidiaDriver(state="ok", driver_version="580.95.05", origin="nvidia"), None, "cuda-toolkit-12-4"),
        (NvidiaDriver(state="ok", driver_version="580.95.05", origin="runfile"), None, "cuda-toolkit-12-4"),
        (NvidiaDriver(state="ok", driver_version="580.95.05"), "docker", "cuda-toolkit-12-4"),
    ],
)
def test_debians_toolkit_needs_debians_driver_libraries(driver: NvidiaDriver, container: Any, package: str) -> None:
    """Its packages depend on libcuda1, which beside another driver's libraries would be a second driver."""
    facts = _linux("debian", "13", nvidia=driver, context=Surroundings(container=container))
    decision = ToolkitDecision(source="system", version="12.4")
    toolkit = plan_toolkit(facts, decision, ToolkitWish(source="system"))
    assert isinstance(toolkit.steps[-1], InstallSystemPackages)
    assert toolkit.steps[-1].packages == (package,)


def test_a_jetson_has_its_toolkit_from_jetpack() -> None:
    facts = _linux("ubuntu", "22.04", context=Surroundings(jetson="t234"))
    with pytest.raises(RefusedError) as caught:
        plan_toolkit(facts, ToolkitDecision(source="system", version="12.6"), ToolkitWish(source="system"))
    assert caught.value.code == "toolkit-by-hand"


def test_cudnn_for_a_card_before_turing_is_the_last_that_serves_it() -> None:
    facts = replace(_linux("ubuntu", "22.04"), gpus=nvidia("6.1"))
    step = next(step for step in _toolkit(facts, cudnn=True).steps if step.id == "cuda-toolkit")
    assert isinstance(step, InstallSystemPackages)
    assert [name for name in step.packages if "cudnn" in name] == [
        "libcudnn9-cuda-12=9.10.2.*", "libcudnn9-dev-cuda-12=9.10.2.*", "libcudnn9-headers-cuda-12=9.10.2.*"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("system_id", "version", "kernel", "flavour"),
    [
        ("ubuntu", "24.04", "6.8.0-45-generic", "generic"),
        ("ubuntu", "24.04", "6.14.0-33-generic", "generic-hwe-24.04"),
        ("ubuntu", "22.04", "6.8.0-1029-aws", "aws"),
        ("ubuntu", "24.04", "6.8.0-45-generic-64k", "generic-64k"),
        ("debian", "12", "6.1.0-40-cloud-amd64", "cloud-amd64"),
        ("debian", "13", "6.12.48+deb13-amd64", "amd64"),
        ("debian", "12", "6.1.99", None),
        ("opensuse-leap", "15.6", "6.4.0-150600.23.70-default", "default"),
        ("arch", None, "6.12.57-1-lts", "lts"),
        ("arch", None, "6.17.4-arch1-1", "arch"),
    ],
)
def test_kernel_flavours(system_id: str, version: str | None, kernel: str, flavour: str | None) -> None:
    assert kernel_flavour(_linux(system_id, version, kernel=kernel).os) == flavour


def test_derivatives_are_known_by_what_they_are_built_from() -> None:
    mint = _linux("linuxmint", "22.1", like=("ubuntu", "debian"))
    assert release_of(mint.os) == release_of(_linux("ubuntu", "24.04").os)
    lmde = _linux("linuxmint", "6", like=("debian",), kernel="6.1.0-40-amd64")
    assert [recipe.id for recipe in recipes_for(lmde)] == ["debian-nvidia", "debian-archive"]
    assert release_of(_linux("linuxmint", "99", like=("ubuntu", "debian")).os) is None


def test_digests_are_whole() -> None:
    for place, digest in table("system_recipes")["keyrings"]["sha256"].items():
        assert len(bytes.fromhex(digest)) == 32, place
        assert keyring_digest(*place.split("/")) == digest
    assert keyring_digest("ubuntu2604", "x86_64") is None


def test_the_home_of_the_plans_is_not_this_machine() -> None:
    assert not HOME.exists()


def test_a_kept_driver_makes_no_driver_steps() -> None:
    facts = _linux("ubuntu", "24.04")
    kept = replace(facts, nvidia=NvidiaDriver(state="ok", driver_version="580.95.05", origin="distribution"))
    assert system_steps(planned(kept, INSTALL)) == ()
    assert with_driver_commands(decided(kept, INSTALL), kept).driver == DriverDecision(
        action="keep", installed="580.95.05", minimum="580.65.06"
    )
