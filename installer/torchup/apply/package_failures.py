"""Why a package manager failed, read from what it printed last: one stable code and the next step per cause.

The patterns stand for apt and dpkg, dnf and rpm, zypper, and pacman. The first that fits counts, so what
causes other complaints comes before them. `tests/probes/package_failures` has an output for each.
"""

from __future__ import annotations

from torchup.apply.classify import Cause, cause, ending, last_lines
from torchup.apply.system import Completed
from torchup.errors import StepError
from torchup.model.plan import Command, Step
from torchup.words import mark, tr

LOCK = "package-lock"
_NAMED = 4

_FINISH = {
    "apt": mark("`sudo dpkg --configure -a` tries to finish it."),
    "dnf": mark("`sudo dnf reinstall` of the package tries it again."),
    "zypper": mark("`sudo zypper install --force` of the package tries it again."),
    "pacman": mark("`sudo pacman -S` of the package tries it again."),
}
_REFRESH = {
    "apt": "sudo apt-get update",
    "dnf": "sudo dnf makecache --refresh",
    "zypper": "sudo zypper refresh --force",
    "pacman": "sudo pacman -Syu",
}

PACKAGE_CAUSES = (
    cause(
        LOCK,
        pattern="could not get lock|unable to (?:acquire|lock)|lock was locked by|is another process using it|"
        "system management is locked|unable to lock database|existing lock .*: another copy is running",
        message=mark("another package manager is at work"),
        hint=mark("Wait until it has ended, then run again."),
    ),
    cause(
        "packages-interrupted",
        pattern="dpkg was interrupted|unfinished transactions remaining|rpmdb open failed",
        message=mark("an earlier installation was cut off and has to be finished first"),
        hint=mark("{finish} Then run again."),
    ),
    cause(
        "disk-full",
        pattern="no space left on device|don't have enough free space|more space needed on|"
        r"not enough (?:free )?disk space|needs \d+\s?[kmg]i?b (?:more space )?on the .* filesystem|"
        "partition .* too full|disk quota exceeded",
        message=mark("the disk is full"),
        hint=mark(
            "Make room (old downloads of packages: `sudo apt-get clean`, `sudo dnf clean packages`, `sudo zypper clean`, `sudo pacman -Sc`) and run again."
        ),
    ),
    cause(
        "clock-wrong",
        pattern=r"is not valid yet|certificate is not yet valid|not live until|created \d+ second\(s\) in the future",
        message=mark("this machine's clock is behind, so what the repository signed lies in the future"),
        hint=mark("Set the clock (`timedatectl` shows it, `sudo timedatectl set-ntp true` corrects it) and run again."),
    ),
    cause(
        "repository-expired",
        pattern=r"release file for .* is expired|repomd\.xml .* expired",
        message=mark("a repository's list has expired: the mirror is not kept up, or this machine's clock is ahead"),
        hint=mark("See `timedatectl`; where the clock is right, choose another mirror."),
    ),
    cause(
        "prompt",
        pattern="stdin at conffile prompt|need for license confirmation|license agreement|"
        "debconf: unable to initialize|accept (?:the )?(?:eula|license)",
        message=mark("a package asks a question, and nobody is asked here"),
        hint=mark("Install that package by hand once (the lines above name it), answer its question, then run again."),
    ),
    cause(
        "install-script",
        pattern="(?:pre|post)-installation script|script subprocess returned error|script(?:let)? failed|"
        r"command failed to execute correctly|error in (?:%?(?:pre|post)\w*|\w+) scriptlet",
        message=mark("the installation script of a package failed"),
        hint=mark(
            "The lines above say which and why; for a driver's module see /var/lib/dkms/*/*/build/make.log. {finish}"
        ),
    ),
    cause(
        "signature",
        pattern="no_pubkey|missing key|is not signed|gpg error|openpgp signature|signatures? (?:couldn't|were|was|"
        "is) (?:be )?(?:verified|invalid|not valid)|signature verification failed|"
        "signature from .* is (?:invalid|unknown trust)|gpg check failed|public key for .* is not installed|"
        r"expkeysig|\(pgp signature\)|could not be looked up remotely",
        message=mark("a repository or a package is not signed by a key that this machine trusts"),
        hint=mark(
            "Do not install it all the same. Give the repository its own key file again (its maker's page has it), then `{refresh}`."
        ),
    ),
    cause(
        "hash-mismatch",
        pattern="hash sum mismatch|checksum (?:doesn't match|error)|digest verification failed|"
        r"file has unexpected size|\(checksum\)|wrong digest",
        message=mark("a download is not the file that the repository announced"),
        hint=mark(
            "`{refresh}`, then run again; if it stays so, the mirror or a proxy in between serves a changed file."
        ),
    ),
    cause(
        "certificate",
        pattern=r"certificate verif\w* failed|certificate verification|ssl certificate problem|peer certificate",
        message=mark("the repository's certificate is not trusted here"),
        hint=mark("Install ca-certificates; behind a proxy that inspects TLS, add its certificate to the system."),
    ),
    cause(
        "network",
        pattern="temporary failure resolving|could not resolve|cannot initiate the connection|"
        "connection (?:timed out|refused|failed)|network is unreachable|failed to connect|"
        "timeout (?:exceeded|was reached)|no route to host|failed retrieving file|all mirrors were tried|"
        r"\b50[234] (?:bad gateway|service|gateway)|failed to synchronize all databases \((?!unable to lock)|"
        "error code: connection",
        message=mark("a package repository could not be reached"),
        hint=mark("Check the network, and the proxy that the package manager uses, then run again."),
    ),
    cause(
        "repository-missing",
        pattern="does not have a release file|404 +not found|status code: 404|returned error: 404|file not found - |"
        "cannot (?:download|prepare) .*(?:repomd|mirrorlist)|repository .* is invalid|not found on medium|"
        "failed to download metadata",
        message=mark("a repository is not at its address, or its lists are old"),
        hint=mark("`{refresh}`; if it stays so, correct or remove the repository that is named above."),
    ),
    cause(
        "packages-held",
        pattern="held packages were changed|held packages will be changed|is locked and cannot|"
        "excluded by (?:exclude )?filtering|is in ignorepkg|package is locked",
        message=mark("a package is on hold, and the installation would change it"),
        hint=mark(
            "See the holds (`apt-mark showhold`, `dnf versionlock list`, `zypper locks`, IgnorePkg in pacman.conf) and lift the one that is named above, if it is yours."
        ),
    ),
    cause(
        "no-such-package",
        pattern="unable to locate package|has no installation candidate|version '.*' for '.*' was not found|"
        "no match for argument|unable to find a match|no provider of|not found in package names|"
        "target not found|no package .* available",
        message=mark("the package manager knows no such package"),
        hint=mark(
            "`{refresh}`; if it stays so, the repository (on Debian: the components contrib, non-free and non-free-firmware) is not there or is made for another release."
        ),
    ),
    cause(
        "dependency",
        pattern="unmet dependencies|unable to correct problems|held broken packages|unresolvable|nothing provides|"
        "conflicting requests|none of the providers can be installed|could not satisfy dependencies|"
        "conflicting dependencies|breaks dependency|unable to satisfy|conflicting files|"
        "conflicts with file from|have conflicts|problem: ",
        message=mark("the packages do not fit together with what is installed"),
        hint=mark(
            "The lines above name them. Often a driver from another source is there: remove that first, or keep it."
        ),
    ),
    # What waits for a lock says so and goes on: the lock is the cause only where nothing else is named.
    cause(
        LOCK,
        pattern="waiting for (?:process with pid|a lock on)|another app is currently holding",
        message=mark("another package manager is at work"),
        hint=mark("Wait until it has ended, then run again."),
    ),
)


def package_cause(text: str) -> Cause | None:
    """Find the cause that a package manager's output names."""
    return next((row for row in PACKAGE_CAUSES if row.pattern.search(text)), None)


def package_failure(step: Step, command: Command, done: Completed, manager: str) -> StepError:
    """Turn a package manager's failure into an error with a cause, the end of its output, and what to do next."""
    found = package_cause(done.tail) if not done.timed_out else None
    if found is None:
        return ending(step, command, done)
    return StepError(
        tr("{summary}: {reason}.", summary=step.summary, reason=tr(found.message)),
        code=found.code,
        evidence=evidence(done.tail, found),
        hint=tr(
            found.hint, finish=tr(_FINISH[manager]) if manager in _FINISH else "", refresh=_REFRESH.get(manager, "")
        ).strip(),
    )


def evidence(tail: str, found: Cause) -> tuple[str, ...]:
    """Choose the lines that show a cause: those that name it, and the last ones."""
    named = [line for line in tail.splitlines() if found.pattern.search(line)]
    last = [line for line in last_lines(tail) if line not in named[:_NAMED]]
    return (*named[:_NAMED], *last)
