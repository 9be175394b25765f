"""Steps that change files and folders: what they are about to do, doing it, and taking it back."""

from __future__ import annotations

import difflib

from torchup.apply.atomic_write import DEFAULT_MODE
from torchup.apply.backups import Backups, sha256
from torchup.apply.change import Change, DirectoryChange, FileChange, Folder, Left, NoChange, Prepared, TakenBack
from torchup.apply.system import FileState, System
from torchup.apply.torn import torn_between
from torchup.apply.write_errors import missing_file, wrong_kind
from torchup.errors import RefusedError, StepError
from torchup.model.plan import EditManagedBlock, MakeDirectory, RemoveFile, WriteFile
from torchup.shell import managed_block
from torchup.words import mark, tr


def encode(text: str) -> bytes:
    """Encode what torchup renders: UTF-8, and the bytes of paths that are not UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def prepare_directory(step: MakeDirectory, system: System) -> Prepared:
    """Find the folders that are missing."""
    state = system.look(step.path)
    if state.kind == "directory":
        return Prepared(change=NoChange(), detail=tr("{path} is there", path=step.path))
    if state.kind != "absent":
        raise StepError(
            tr("{path} is not a folder.", path=step.path),
            code="not-a-folder",
            hint=tr("Move it away, or name another place."),
        )
    return Prepared(
        change=DirectoryChange(paths=missing_parents(step.path, system)), detail=tr("{path} is made", path=step.path)
    )


def missing_parents(path: str, system: System) -> tuple[str, ...]:
    """List a path and those above it that do not exist, outermost first."""
    missing: list[str] = []
    while path and system.look(path).kind == "absent":
        missing.insert(0, path)
        path = path.rpartition("/")[0]
    return tuple(missing)


def prepare_write(step: WriteFile, system: System) -> Prepared:
    """Compare a file of ours with what it is to hold."""
    content = encode(step.content)
    state = _writable(step.path, system)
    if state.content == content and state.mode == step.mode:
        return Prepared(change=NoChange(), detail=tr("{path} is as wanted", path=step.path))
    text = mark("{path} is written") if state.kind == "absent" else mark("{path} is brought up to date")
    return _prepared(step.path, state, content, step.mode, tr(text, path=step.path))


def prepare_remove(step: RemoveFile, system: System) -> Prepared:
    """See whether a file of ours is there."""
    state = _writable(step.path, system)
    if state.content is None:
        return Prepared(change=NoChange(), detail=tr("{path} is not there", path=step.path))
    return _prepared(step.path, state, None, None, tr("{path} is removed", path=step.path))


def edit_of(step: EditManagedBlock, content: bytes | None) -> managed_block.Edit:
    """Work out what a step makes of a file's bytes; raises RefusedError, with the file's path, as the block does."""
    try:
        if step.body is None:
            return managed_block.remove(content)
        return managed_block.insert(content, step.body, placement=step.placement, language=step.shell)
    except RefusedError as error:
        raise RefusedError(
            f"{step.path}: {error.message}", code=error.code, evidence=error.evidence, hint=error.hint
        ) from error


def prepare_block(step: EditManagedBlock, system: System) -> Prepared:
    """Work out the edit of a start-up file; refuses one that changed since the person saw it."""
    state = _writable(step.path, system)
    edit = edit_of(step, state.content)
    if not edit.changed:
        return Prepared(change=NoChange(), detail=tr("{path} is as wanted", path=step.path))
    if state.content is None and not step.create:
        raise missing_file(step.path)
    found = None if state.content is None else sha256(state.content)
    if found != step.expected_sha256:
        raise StepError(
            tr("{path} has changed since the plan was made, so it was left alone.", path=step.path),
            code="file-changed",
            evidence=(
                tr(
                    "expected {expected}, found {found}",
                    expected=step.expected_sha256 or tr("no file"),
                    found=found or tr("no file"),
                ),
            ),
            hint=tr("Make the plan again: run `torchup setup` or `torchup shell apply` once more."),
        )
    after = _kept_behind_link(step.path, state, edit.after, system)
    mode = state.mode if state.content is not None else DEFAULT_MODE
    return _prepared(
        step.path,
        state,
        after,
        mode,
        _edit_in_words(step, edit),
    )


def _edit_in_words(step: EditManagedBlock, edit: managed_block.Edit) -> str:
    if edit.first_line is None:
        text = mark("{path} loses the torchup block") if step.body is None else mark("{path} gets the torchup block")
        return tr(text, path=step.path)
    text = (
        mark("{path} loses the torchup block (lines {first} to {last})")
        if step.body is None
        else mark("{path} gets the torchup block (lines {first} to {last})")
    )
    return tr(text, path=step.path, first=edit.first_line, last=edit.last_line)


def perform_file(prepared: Prepared, system: System) -> FileChange:
    """Write or remove the file."""
    change = prepared.change
    assert isinstance(change, FileChange)  # noqa: S101 - the only change that file steps prepare
    before = change.before_sha256
    if prepared.content is None:
        system.remove_file(change.path, expected=before)
    else:
        mode = None if change.after_mode == change.before_mode else change.after_mode
        system.write_file(change.path, prepared.content, mode=mode, create=before is None, expected=before)
    return change


def revert_file(change: FileChange, system: System, backups: Backups, *, block: bool) -> Left | None:
    """Put a file back; `block` says that only our block in it is ours, so it can be taken out alone."""
    system.clean(change.path)
    state = system.look(change.path)
    now = None if state.content is None else sha256(state.content)
    if state.kind not in ("file", "absent"):
        return Left(text=tr("{path} is no regular file any more, and was left as it is.", path=change.path))
    if (now, state.mode) == (change.before_sha256, change.before_mode):
        return None
    if now in (change.before_sha256, change.after_sha256) or _torn(state, change, backups):
        return _restore(change, state, system, backups)
    if now is None:
        if change.before_sha256 is None:
            return None
        kept = backups.path(change.before_sha256)
        return Left(
            text=tr(
                "{path} was removed since; as it was before torchup, it is kept in {backup}.",
                path=change.path,
                backup=kept,
            )
        )
    if block and change.after_sha256 is not None:
        return _take_block_out(change, state, system)
    return Left(
        text=tr("{path} was changed since, and was left as it is.", path=change.path),
        diff=_diff(change, state, backups),
    )


def mend_torn(change: FileChange, system: System, backups: Backups) -> None:
    """Give a file that was cut off in the middle of a write in place its old bytes back."""
    state = system.look(change.path)
    now = None if state.content is None else sha256(state.content)
    if now not in (change.before_sha256, change.after_sha256) and _torn(state, change, backups):
        _restore(change, state, system, backups)


def perform_directory(change: DirectoryChange, mode: int, system: System, earlier: Change | None) -> DirectoryChange:
    """Make the folders; those that an earlier try of the step made are this run's too."""
    made = system.make_directory(change.paths[-1], mode)
    before = earlier.paths if isinstance(earlier, DirectoryChange) else ()
    paths = tuple(dict.fromkeys((*(path for path in before if path not in made), *made)))
    known = {path: folder for path in paths if (folder := system.folder(path)) is not None}
    return DirectoryChange(paths=paths, folders=tuple(known.values()) if len(known) == len(paths) else ())


def revert_directories(change: DirectoryChange, system: System) -> TakenBack:
    """Remove the folders that were made where they are empty; one that is in use by now stays.

    Another folder than the one that was made, or a link in its place, is left as it is.
    """
    removed: list[str] = []
    stays: list[str] = []
    made: dict[str, Folder] = dict(zip(change.paths, change.folders, strict=False))
    for path in reversed(change.paths):
        if system.look(path).kind == "absent":
            continue
        if (problem := _another(path, made.get(path), system)) is not None:
            return TakenBack(removed=tuple(removed), left=Left(text=problem, kept=(path,)))
        system.remove_directory(path)
        if system.look(path).kind == "absent":
            removed.append(path)
        else:
            stays.append(path)
    return TakenBack(removed=tuple(removed), stays=tuple(stays))


def _another(path: str, made: Folder | None, system: System) -> str | None:
    """Say why a folder is not the one that was made; where that was never noted, a link is known as such."""
    if made is not None:
        return system.another_folder(path, made)
    return (
        None if system.link_target(path) is None else tr("{path} is a link by now, and was left as it is.", path=path)
    )


def _writable(path: str, system: System) -> FileState:
    state = system.look(path)
    if state.kind not in ("file", "absent"):
        raise wrong_kind(path, state.kind, state.real_path)
    return state


def _prepared(path: str, state: FileState, content: bytes | None, mode: int | None, detail: str) -> Prepared:
    change = FileChange(
        path=path,
        before_sha256=None if state.content is None else sha256(state.content),
        before_mode=state.mode,
        after_sha256=None if content is None else sha256(content),
        after_mode=mode,
    )
    kept = tuple(item for item in (state.content, content) if item is not None)
    return Prepared(change=change, detail=detail, content=content, contents=kept)


def _torn(state: FileState, change: FileChange, backups: Backups) -> bool:
    if change.before_sha256 is None:
        # Where there are no hard links, a new file's name is taken before its bytes arrive.
        return state.content == b""
    if state.content is None or change.after_sha256 is None:
        return False
    old, new = backups.read(change.before_sha256), backups.read(change.after_sha256)
    if old is None or new is None:
        return False
    return torn_between(state.content, old, new) or torn_between(state.content, new, old)


def _restore(change: FileChange, state: FileState, system: System, backups: Backups) -> Left | None:
    now = None if state.content is None else sha256(state.content)
    if change.before_sha256 is None:
        system.remove_file(change.path, expected=now)
        return None
    content = backups.read(change.before_sha256)
    if content is None:
        return Left(
            text=tr(
                "The backup of {path} is gone from {folder}, so it was left as it is.",
                path=change.path,
                folder=backups.folder,
            )
        )
    system.write_file(change.path, content, mode=change.before_mode, create=now is None, expected=now)
    return None


def _take_block_out(change: FileChange, state: FileState, system: System) -> Left | None:
    try:
        edit = managed_block.remove(state.content)
    except RefusedError as error:
        return Left(text=f"{change.path}: {error.message}", diff=error.evidence)
    now = None if state.content is None else sha256(state.content)
    after = _kept_behind_link(change.path, state, edit.after, system)
    if edit.changed and after is None:
        system.remove_file(change.path, expected=now)
    elif edit.changed and after is not None:
        system.write_file(change.path, after, mode=None, create=False, expected=now)
    return None


def _kept_behind_link(path: str, state: FileState, after: bytes | None, system: System) -> bytes | None:
    """Keep a file of ours that the user has moved behind a link since, empty: without it the link would dangle."""
    folder, _, name = path.rpartition("/")
    linked = state.real_path != f"{system.look(folder or '/').real_path.rstrip('/')}/{name}"
    return b"" if after is None and state.kind == "file" and linked else after


def _diff(change: FileChange, state: FileState, backups: Backups) -> tuple[str, ...]:
    written = backups.read(change.after_sha256) if change.after_sha256 is not None else b""
    if written is None or state.content is None:
        return ()
    ours, theirs = (side.decode(errors="replace").splitlines() for side in (written, state.content))
    return tuple(difflib.unified_diff(ours, theirs, tr("as torchup wrote it"), tr("as it is now"), lineterm=""))
