"""Steps that fetch a file."""

from __future__ import annotations

from torchup.apply.backups import sha256
from torchup.apply.change import FileChange, NoChange, Prepared
from torchup.apply.system import OnLine, System
from torchup.apply.write_errors import wrong_kind
from torchup.errors import StepError
from torchup.model.plan import Download
from torchup.words import tr


def prepare_download(step: Download, system: System) -> Prepared:
    """Compare what is there with what is wanted. Without a known digest, a file that is there will do."""
    state = system.look(step.path)
    if state.kind not in ("file", "absent"):
        raise wrong_kind(step.path, state.kind, state.real_path)
    found = None if state.content is None else sha256(state.content)
    if found is not None and step.sha256 in (None, found) and state.mode == step.mode:
        return Prepared(change=NoChange(), detail=tr("{path} is as wanted", path=step.path))
    folder = step.path.rpartition("/")[0]
    if folder and system.look(folder).kind == "absent":
        raise StepError(
            tr("{folder}, where a download is to go, does not exist.", folder=folder),
            code="folder-missing",
            hint=tr("Make the folder and run again."),
        )
    change = FileChange(
        path=step.path,
        before_sha256=found,
        before_mode=state.mode,
        after_sha256=step.sha256,
        after_mode=step.mode,
    )
    kept = (state.content,) if state.content is not None else ()
    return Prepared(change=change, detail=tr("{path} is fetched", path=step.path), contents=kept)


def perform_download(step: Download, change: FileChange, system: System, on_line: OnLine) -> FileChange:
    """Fetch the file and tell what it is."""
    system.fetch(step.url, step.path, sha256=step.sha256, mode=step.mode, on_output=on_line)
    state = system.look(step.path)
    got = step.sha256 if step.sha256 or state.content is None else sha256(state.content)
    return FileChange(
        path=change.path,
        before_sha256=change.before_sha256,
        before_mode=change.before_mode,
        after_sha256=got,
        after_mode=change.after_mode,
    )
