"""Whatever text comes in, nothing that acts on a terminal, or that cannot be seen there, comes out of any command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pexpect
import pytest

from support import loaded
from support.command import TORCHUP, Person
from support.stub_torch import gpu, no_gpu, python_with
from support.terminal import CTRL_C, ENTER, TerminalSession
from support.tools import NIGHTLY
from support.wheel_index import Status, WheelIndex
from torchup.visible import visible

# A window's title, a question to the terminal, a colour by C1, the order of letters turned round, and what is
# not seen: none of them is among what torchup itself prints.
CANARY = "\x1b]0;owned\x07\x1b[5n\x9b35m\u202egnp\u2066\u200b\x7f\x08\ufeff\U000e0041"
# What torchup and its libraries draw with: colours, the cursor and its line, the way back to the line's begin.
DRAWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?(?:25|7|12|2004|1)[hl]|\x1b\[[0-9]*[ABCDJK]|\x1b\[6n|\x1b\[H|\r")
AS_MACHINE = Path(__file__).parents[1] / "support" / "as_machine.py"


@dataclass
class Case:
    """A person to whom the canary has come in some way, and the commands that may repeat it."""

    person: Person
    commands: list[tuple[str, ...]] = field(default_factory=list)
    program: tuple[str, ...] = (str(TORCHUP),)

    def in_pipes(self, arguments: Sequence[str]) -> tuple[bytes, bytes]:
        if self.program == (str(TORCHUP),):
            folder, environ = self.person.home, self.person.environ
            done = loaded.run(TORCHUP, arguments, folder=folder, environ=environ, dated=True)
            return done.stdout, done.stderr
        done = subprocess.run(
            [*self.program, *arguments],
            cwd=self.person.home,
            env=self.person.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return done.stdout, done.stderr

    def on_a_terminal(self, arguments: Sequence[str]) -> bytes:
        child = pexpect.spawn(
            self.program[0],
            [*self.program[1:], *arguments],
            cwd=str(self.person.home),
            env={**self.person.environ, "TERM": "xterm-256color"},
            dimensions=(40, 200),
            timeout=120,
        )
        child.expect(pexpect.EOF)
        return cast("bytes", child.before)


def facts(person: Person, **more: Any) -> Path:
    data = {
        "schema": 1,
        "os": {"system": "linux", "id": f"debian{CANARY}", "version": f"13{CANARY}", "arch": "x86_64",
               "kernel": f"6.8{CANARY}", "libc": "glibc", "libc_version": "2.39"},
        "gpus": [{"index": 0, "vendor": "nvidia", "name": f"RTX {CANARY}", "compute_capability": "8.9",
                  "uuid": f"GPU-{CANARY}", "source": "nvml"}],
        "nvidia": {"state": "ok", "driver_version": "580.65.06", "cuda_version": "13.0"},
        "pythons": [{"path": f"/usr/bin/{CANARY}", "version": "3.12.3", "implementation": "cpython"}],
        "torch": [{"python": f"/opt/{CANARY}", "version": "2.13.0+cpu", "variant": "cpu"}],
        "toolkits": [{"version": "13.0", "path": f"/usr/local/{CANARY}", "nvcc": True, "source": "path"}],
        "user": {"name": f"ann{CANARY}", "home": f"/home/{CANARY}"},
        "environment": {"CUDA_HOME": CANARY, "LD_LIBRARY_PATH": f"/opt/{CANARY}:", "CUDA_VISIBLE_DEVICES": CANARY},
        "findings": [{"code": "odd", "text": f"odd {CANARY}", "evidence": CANARY}],
        **more,
    }  # fmt: skip
    path = person.home.parent / "facts.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def from_an_index(person: Person, index: WheelIndex) -> Case:
    reason = CANARY.encode().decode("latin-1").replace("\n", "")
    index.fault("/whl/*", Status(503, reason=reason[:30]))
    index.fault("/simple/*", Status(418, reason=reason[:30]))
    answers = person.answers(f"schema: 1\nsource: {{mirror: '{index.url('whl')}'}}\n")
    commands = [("resolve", "--answers", answers), ("setup", "--answers", answers), ("setup", "--yes", "--dry-run")]
    return Case(person, [*commands, ("resolve", "--all", "--json")])


def from_a_page(person: Person, index: WheelIndex) -> Case:
    index.simple().add("torch", "2.16.0", yanked=f"bad {CANARY}").add("torch", "2.13.0", requires_python=f">3{CANARY}")
    index.pytorch("cpu").add("torch", "2.16.1+cpu", yanked=f"bad {CANARY}")
    answers = person.answers(f"schema: 1\nsource: {{mirror: '{index.url('whl')}'}}\n")
    pinned = ("--set", "torch.version===2.16.1")
    return Case(
        person,
        [
            ("resolve", "--answers", answers, "--all"),
            ("resolve", "--answers", answers, "--all", "--json"),
            ("setup", "--answers", answers, "--dry-run", "--json", *pinned),
        ],
    )


def from_a_facts_file(person: Person, _index: WheelIndex) -> Case:
    file = str(facts(person))
    commands = [(command, "--machine", file) for command in ("resolve", "doctor")]
    more = [
        ("setup", "--machine", file, "--dry-run", "--yes"),
        ("setup", "--machine", file, "--dry-run", "--json", "--yes"),
    ]
    return Case(person, [*commands, *more, ("matrix", "--gpu", CANARY), ("resolve", "--machine", file, "--json")])


def from_the_machine(person: Person, _index: WheelIndex) -> Case:
    program = (sys.executable, str(AS_MACHINE), str(facts(person)))
    commands = [("detect",), ("detect", "--json"), ("resolve", "--offline"), ("setup", "--yes", "--dry-run", "--plain")]
    return Case(person, [*commands, ("doctor", "--no-test"), ("shell", "show")], program)


def from_variables(person: Person, _index: WheelIndex) -> Case:
    names = ("CUDA_VISIBLE_DEVICES", "LD_PRELOAD_X", "PYTHONNOUSERSITE", "CUDA_HOME", "HSA_OVERRIDE_GFX_VERSION",
             "HTTPS_PROXY", "TORCHUP_NO_SUCH", "PIP_EXTRA_INDEX_URL", "UV_FIND_LINKS", "LD_LIBRARY_PATH")  # fmt: skip
    person.environ |= dict.fromkeys(names, f"/opt/{CANARY}:")
    return Case(person, [("detect",), ("detect", "--json"), ("setup", "--yes", "--dry-run"), ("shell", "check")])


def from_answers(person: Person, _index: WheelIndex) -> Case:
    spelled = CANARY.encode("unicode_escape").decode()
    bad = person.answers(f'schema: 1\n"key{spelled}": "{spelled}"\ntorch: {{version: "{spelled}"}}\n')
    broken = person.answers(f"schema: 1\ntorch: [\n  \u202e{{{{{CANARY[-1]}\n", "broken.yaml")
    return Case(
        person,
        [
            ("answers", "check", bad),
            ("setup", "--answers", bad),
            ("answers", "check", broken, "--json"),
            ("answers", "check", broken),
            ("setup", "--yes", "--set", f"torch.version={CANARY}"),
            ("setup", "--yes", "--set", f"{CANARY}=1", "--json"),
            ("answers", "check", f"/no/{CANARY}"),
            ("answers", "check", f"/no/{CANARY}", "--traceback"),
            (CANARY,),
            ("setup", f"--{CANARY}"),
        ],
    )


def from_startup_files(person: Person, _index: WheelIndex) -> Case:
    folder = person.home / f"dots{CANARY}"
    folder.mkdir()
    (folder / ".zshrc").write_text(
        f"export LD_LIBRARY_PATH=/opt/{CANARY}:\nexport PATH=$PATH:/usr/local/cuda-12.1/bin\n"
    )
    (person.home / ".bashrc").write_text(
        f"export CUDA_HOME=/opt/{CANARY}\nexport LD_LIBRARY_PATH=:/opt/{CANARY}\nif [ \n"
    )
    person.environ |= {"ZDOTDIR": str(folder)}
    cuda = person.home / "cuda"
    (cuda / "bin").mkdir(parents=True)
    (cuda / "bin/nvcc").write_text("#!/bin/sh\n")
    (cuda / "bin/nvcc").chmod(0o755)
    named = ("--cuda-home", str(cuda), "--shell", "zsh", "--shell", "bash")
    return Case(
        person,
        [
            ("shell", "show", *named),
            ("shell", "check"),
            ("shell", "apply", "--yes", *named),
            ("shell", "show", "--json"),
        ],
    )


def from_a_journal(person: Person, _index: WheelIndex) -> Case:
    cuda = person.home / "cuda"
    (cuda / "bin").mkdir(parents=True)
    (cuda / "bin/nvcc").write_text("#!/bin/sh\n")
    (cuda / "bin/nvcc").chmod(0o755)
    done = person.torchup("shell", "apply", "--yes", "--cuda-home", str(cuda))
    assert done.returncode == 0, done.stderr
    (journal,) = (person.home / ".local/state/torchup").rglob("*.jsonl")
    spelled = json.dumps(CANARY)[1:-1].replace("\\", "\\\\")
    journal.write_text(re.sub(r'"(summary|why|detail)": "', rf'"\1": "{spelled}', journal.read_text()))
    return Case(person, [("status",), ("status", "--json"), ("undo", "--dry-run"), ("resume",), ("undo", "-v")])


def from_a_log(person: Person, _index: WheelIndex) -> Case:
    log = person.home / "log.txt"
    log.write_text(
        f"{CANARY} torch.cuda.OutOfMemoryError: CUDA out of memory. {CANARY}\n{CANARY} CUDA error: no kernel image\n"
    )
    return Case(person, [("doctor", "--log", str(log)), ("doctor", "--log", str(log), "--json")])


def from_an_installer(person: Person, index: WheelIndex) -> Case:
    index.fault(f"/whl/cpu/{index.pytorch('cpu').wheels[1][0].filename}", Status(404, reason="gone"))
    answers = person.answers(
        f"schema: 1\nsource: {{mirror: '{index.url('whl')}'}}\nverify: {{level: none}}\nshell: {{shells: none}}\n"
        "torch: {packages: [torch]}\n"
    )
    uv = person.home / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(f"#!/bin/sh\nprintf '%s\\n' 'error: {CANARY}' >&2\nexit 2\n", encoding="utf-8")
    uv.chmod(0o755)
    source = (
        f"import uv; uv.find_uv_bin = lambda: {str(uv)!r}\nimport sys; from torchup.cli import main; main(sys.argv[1:])"
    )
    program = (sys.executable, "-c", source)
    setup = ("setup", "--answers", answers)
    return Case(person, [(*setup, "-vv"), setup, (*setup, "--json"), ("status",), (*setup, "--plain")], program)


def from_torch(person: Person, _index: WheelIndex) -> Case:
    python = python_with(person.home / "env", no_gpu(f"CUDA driver {CANARY} failed"))
    other = python_with(person.home / "other", gpu((8, 9), "sm_80", f"Card {CANARY}"))
    page = str(person.home / "report.html")
    return Case(
        person,
        [
            ("verify", "--python", str(python)),
            ("verify", "--python", str(other), "--html", page, "-v"),
            ("verify", "--python", str(other), "--json"),
            ("doctor", "--python", str(other)),
        ],
    )


CASES: list[Callable[[Person, WheelIndex], Case]] = [
    from_an_index, from_a_page, from_a_facts_file, from_the_machine, from_variables, from_answers, from_startup_files,
    from_a_journal, from_a_log, from_an_installer, from_torch,
]  # fmt: skip


@pytest.mark.parametrize("made", CASES)
def test_no_command_repeats_it(made: Callable[[Person, WheelIndex], Case], person: Person, index: WheelIndex) -> None:
    case = made(person, index)
    seen = 0
    for arguments in case.commands:
        said = case.in_pipes(arguments)
        for stream in said:
            text = stream.decode()  # strict: no byte of a C1 control stands alone
            assert visible(text) == text, (arguments, _around(text))
        if "--json" in arguments:
            json.loads(said[0])
        # A terminal draws the same texts; one command of each case, and at night all.
        shown = case.on_a_terminal(arguments).decode() if NIGHTLY or arguments == case.commands[0] else ""
        rest = DRAWN.sub("", shown)
        assert visible(rest) == rest, (arguments, _around(rest))
        seen += any("owned" in text for text in (*map(bytes.decode, said), shown))
    assert seen, "the canary came in"
    for page in person.home.glob("*.html"):
        assert visible(page.read_text(encoding="utf-8")) == page.read_text(encoding="utf-8")


@pytest.mark.parametrize("plain", [(), ("--plain",)])
def test_no_question_repeats_it(plain: tuple[str, ...], person: Person) -> None:
    argv = [sys.executable, str(AS_MACHINE), str(facts(person)), "setup", "--offline", *plain]
    with TerminalSession(argv, environ=person.environ | {"TERM": "xterm-256color"}, columns=120, rows=40) as session:
        session.expect_text("owned", seconds=60)
        session.expect_text("?", seconds=60)
        for _ in range(3):
            session.send("?", ENTER) if plain else session.send("?")
            session.send(ENTER)
        session.send("q", ENTER) if plain else session.send(CTRL_C)
        session.finish()
        rest = DRAWN.sub("", session.output.decode())
    assert visible(rest) == rest, _around(rest)


def _around(text: str) -> str:
    shown = visible(text)
    at = next((place for place, (one, other) in enumerate(zip(text, shown, strict=False)) if one != other), 0)
    return repr(text[max(0, at - 100) : at + 60])
