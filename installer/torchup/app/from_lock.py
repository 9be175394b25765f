"""`torchup setup --from-lock`: the request and the desk of a set-up whose packages a lock names."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from torchup.app.decision import Sources, with_named_python
from torchup.app.desk import Desk
from torchup.errors import UsageError
from torchup.knowledge.variants import parse_variant
from torchup.model.facts import MachineFacts
from torchup.model.request import Request
from torchup.model.resolution import Resolution, ToolkitDecision
from torchup.plan.given import LockedPackages
from torchup.reading import read_file
from torchup.resolve.locked import Lock, lock_book, locked_pins, read_lock
from torchup.resolve.toolkit_wheels import FIRST_MAJOR, NVCC
from torchup.words import tr

COMPANIONS = ("torchvision", "torchaudio")
ORIGIN = "--from-lock"


def read_lock_file(file: Path) -> Lock:
    """Read a lock; raises UsageError (lock-unreadable), and what `read_lock` raises."""
    try:
        text = read_file(file).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            tr("{file} could not be read as a lock.", file=file),
            code="lock-unreadable",
            evidence=[str(error)],
            hint=tr("torchup setup writes pylock.toml into the environment that it makes."),
        ) from error
    return read_lock(text, str(file))


def locked_request(request: Request, lock: Lock) -> Request:
    """Give the request with everything that the lock decides; raises UsageError (lock-conflicts) for other wishes.

    What the lock does not decide stays: the place, the shells, the GPUs, the test.
    """
    decided = ("torch.version", "torch.variant", "torch.packages", "environment.extras", "source.index")
    if asked := [key for key in decided if not request.is_default(key) and request.origins[key].startswith("--set")]:
        raise UsageError(
            tr("{keys} cannot be chosen here: the lock names every package.", keys=", ".join(asked)),
            code="lock-conflicts",
            hint=tr("Leave it out, or run without --from-lock."),
        )
    versions = lock.versions
    packages = ("torch", *(name for name in COMPANIONS if name in versions))
    wish = request.cuda_toolkit
    if wish.source == "wheel" or _toolkit_version(versions):
        wish = replace(wish, source="none", cudnn=False, path=None)
    public, _, label = versions["torch"].partition("+")
    kernel = request.environment.jupyter_kernel and "ipykernel" in versions
    return replace(
        request,
        torch=replace(request.torch, version=f"=={public}", variant=_variant(label), packages=packages),
        environment=replace(request.environment, extras=(), jupyter_kernel=kernel),
        source=replace(request.source, index="auto", mirror=None, find_links=()),
        cuda_toolkit=wish,
        origins={**request.origins, "torch.version": ORIGIN, "torch.variant": ORIGIN, "torch.packages": ORIGIN},
        ask=(),
    )


def _variant(label: str) -> str:
    """Pin the variant that the label names: a CPU build in a lock was meant, whatever GPUs there are."""
    try:
        return parse_variant(label).name
    except ValueError:
        return "auto"


def with_locked_variant(request: Request, lock: Lock, facts: MachineFacts) -> Request:
    """Pin the variant that the lock's torch has where its label does not tell: by its address, or the default index's.

    Raises NoSolutionError (lock-does-not-fit).
    """
    offers = lock_book(lock, facts, "").offers
    variants = {offer.variant for offer in offers if offer.package == "torch"}
    if request.torch.variant != "auto" or len(variants) != 1:
        return request
    return replace(request, torch=replace(request.torch, variant=variants.pop() or "auto"))


def _toolkit_version(versions: dict[str, str]) -> str | None:
    nvcc = versions.get(NVCC, "0")
    return ".".join(nvcc.split(".")[:2]) if int(nvcc.partition(".")[0]) >= FIRST_MAJOR else None


@dataclass(slots=True, kw_only=True)
class LockDesk(Desk):
    """A desk that decides over the wheels of a lock and nothing else; no source is asked."""

    lock_file: Lock
    _sources: Sources | None = field(default=None)

    def sources(self, request: Request) -> Sources:
        """Give the wheels of the lock as offers."""
        from torchup.resolve.offers.settings import read_settings

        del request
        if self._sources is None:
            context = self.line.context
            book = lock_book(self.lock_file, self.facts, context.now().date().isoformat())
            settings = read_settings(context.environ, context.home, ask=False)
            self._sources = Sources(book=book, settings=settings)
        return self._sources

    def resolve(self, request: Request) -> Resolution:
        """Decide as ever: driver, kernels, Python and libc are held against the locked wheels."""
        from torchup.resolve.decide import resolve

        facts = with_named_python(self.line, self.facts, request)
        resolution = resolve(facts, request, self.sources(request).book, stand_ins_count=False)
        version = _toolkit_version(self.lock_file.versions)
        if version is None or resolution.torch is None:
            return resolution
        return replace(resolution, cuda_toolkit=ToolkitDecision(source="wheel", version=version))

    def locked(self, resolution: Resolution) -> LockedPackages | None:
        """Give what of the lock applies to the chosen interpreter."""
        pick = resolution.torch
        if pick is None:
            return None
        version = next((python.version for python in self.facts.pythons if python.path == pick.python_path), None)
        pins = locked_pins(self.lock_file, self.facts, pick.python, version)
        return LockedPackages(text=self.lock_file.text, pins=pins, wheels=pick.wheels, source=self.lock_file.source)
