"""Extras from the answer to the installer's arguments: the same requirement all the way, and never an option."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from support.sandbox import Sandbox
from torchup.answers.schema import check_value, normal_value
from torchup.answers.values import parse_value
from torchup.apply.run import Machine, base_of
from torchup.apply.script import dry_run
from torchup.model.plan import InstallPackages
from torchup.model.request import Request, ShellWish

EXAMPLES = 300 if os.environ.get("TORCHUP_NIGHTLY") else 15
names = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,5}([._-][a-z0-9]{1,3})?", fullmatch=True).filter(
    lambda name: name.lower() not in ("torch", "notebook", "transformers", "diffusers", "lightning")
)
blanks = st.sampled_from(["", " "])
releases = st.from_regex(r"(1!)?[0-9]{1,2}(\.[0-9]{1,2}){0,2}", fullmatch=True)
versions = st.tuples(releases, st.sampled_from(["", "rc1", ".post2", ".dev3"])).map("".join)
clauses = st.one_of(
    st.tuples(st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "==="]), blanks, versions).map("".join),
    st.tuples(st.sampled_from(["==", "!="]), releases).map(lambda parts: f"{parts[0]}{parts[1]}.*"),
    releases.map(lambda release: f"~={release}.0"),
)
specifiers = st.lists(clauses, max_size=3).map(",".join)
brackets = st.lists(names, max_size=2, unique=True).map(lambda items: f"[{','.join(items)}]" if items else "")
# All of them hold on the machine of the sandbox: what does not is left out, which is tested elsewhere.
markers = st.sampled_from(
    ["", '; python_version >= "3.8"', "; os_name=='posix'", ' ; sys_platform != "win32" and "a"<"b"']
)
addresses = st.sampled_from(
    ["https://h.example/w/x-1.0-py3-none-any.whl#sha256=00", "file:///w/x.tar.gz", "git+https://h.example/x@v1"]
)
by_name = st.tuples(names, blanks, brackets, blanks, specifiers, markers).map("".join)
by_address = st.builds(lambda name, address, marker: f"{name} @ {address} {marker}", names, addresses, markers)
requirements = st.one_of(by_name, by_address)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    box = Sandbox.create(tmp_path_factory.mktemp("box"))
    # Another machine's start-up files were never seen.
    box.request = Request(shell=ShellWish(shells="none"))
    return box


@pytest.mark.parametrize("installer", ["uv", "pip"])
@given(written=st.lists(requirements, min_size=1, max_size=3, unique=True))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_requirement_reaches_the_installer_as_it_was_meant(installer: str, box: Sandbox, written: list[str]) -> None:
    extras = tuple(text.strip() for text in written)
    if len(set(extras)) != len(extras):
        return
    assert check_value("environment.extras", extras) is None
    assert normal_value("environment.extras", extras) == extras
    box.wish(extras=extras, installer=installer)
    plan = box.plan()
    (step,) = [step for step in plan.steps if step.id == "extras"]
    assert isinstance(step, InstallPackages)
    assert step.distributions == extras
    (command,) = step.commands
    arguments = command.argv[-len(extras) :]
    assert not any(word.startswith("-") for word in arguments)
    assert [Requirement(word) for word in arguments] == [Requirement(text) for text in written]
    for elsewhere in (False, True):
        machine = Machine(context=box.context)
        dry = dry_run(plan, base_of(plan, machine, elsewhere=elsewhere), box.context)
        assert dry.result.status == "done"


@given(written=st.lists(requirements, min_size=1, max_size=3))
@settings(max_examples=EXAMPLES * 5, deadline=None)
def test_a_list_on_the_command_line_is_read_back(written: list[str]) -> None:
    extras = tuple(text.strip() for text in written)
    assert parse_value("environment.extras", ", ".join(extras)) == extras


@given(
    options=st.sampled_from(["-r x", "--index-url=x", "-e .", " -r x", "--hash=sha256:0", "numpy -r x", "numpy --pre"])
)
def test_an_option_is_refused(options: str) -> None:
    assert check_value("environment.extras", (options,)) is not None
