"""A driver that is there already: taken out first when it comes from another source, so that there are never two."""

from __future__ import annotations

from torchup.errors import RefusedError
from torchup.model.facts import NvidiaDriver
from torchup.model.plan import Command
from torchup.plan.system.filling import Filling
from torchup.words import mark, tr

_ORIGINS = {
    "distribution": mark("the distribution's archive"),
    "nvidia": mark("NVIDIA's repository"),
    "rpmfusion": "RPM Fusion",
    "runfile": mark("NVIDIA's installer (a .run file)"),
}


def is_installed(driver: NvidiaDriver | None) -> bool:
    """Tell whether some NVIDIA driver is installed, working or not."""
    return driver is not None and bool(
        driver.driver_version or driver.loaded_version or driver.packages or driver.origin
    )


def replaced(driver: NvidiaDriver | None, filling: Filling) -> str | None:
    """Name the other source that the installed driver comes from; None where nothing has to go first."""
    if driver is None or not is_installed(driver) or driver.origin == filling.recipe.origin:
        return None
    source = _ORIGINS.get(driver.origin or "")
    return tr(source) if source else None


def removal(driver: NvidiaDriver | None, filling: Filling) -> tuple[Command, ...]:
    """Give the commands that take out a driver from another source.

    Within one source the package manager itself exchanges one branch for another. Raises RefusedError
    (`driver-origin-unknown`) for a driver that is there and of which nobody knows where it comes from: a second one
    over it would break both.
    """
    if driver is None or not is_installed(driver) or driver.origin == filling.recipe.origin:
        return ()
    if driver.origin == "runfile":
        return (Command(argv=("nvidia-uninstall", "--silent")),)
    if driver.origin is None or not driver.packages:
        version = driver.driver_version or driver.loaded_version or tr("of unknown version")
        raise RefusedError(
            tr(
                "A driver is installed ({version}), and where it comes from is not known; a second one would break both.",
                version=version,
            ),
            code="driver-origin-unknown",
            hint=tr("Remove it by the way it was installed, restart, and run torchup again."),
        )
    return (filling.remove(driver.packages),)
