"""Whether a file that a person names can be the start-up file of a shell.

Torchup adds lines to it and, on undo, writes it anew. In a key file, a table of accounts or a program such lines do
harm, so what is known to be something else is refused. Any other name is taken: people call their own files what
they like, and their shell is asked whether it can read them.
"""

from __future__ import annotations

import posixpath
import re
from typing import NamedTuple

from torchup.words import mark, tr

_FOLDERS = frozenset(
    {
        *(".ssh", ".gnupg", ".pki", ".aws", ".azure", ".kube", ".docker", ".password-store", ".git", ".mozilla"),
        *("gcloud", "gh", "ssl", "ssh", "pam.d", "sudoers.d", "systemd", "autostart", "keyrings", "cron.d", "crontabs"),
        *("cron.daily", "cron.hourly", "cron.weekly", "cron.monthly", "site-packages", "__pycache__"),
    }
)
_NAMES = frozenset(
    {
        *("authorized_keys", "authorized_keys2", "known_hosts", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519"),
        *("passwd", "shadow", "group", "gshadow", "sudoers", "crontab", "anacrontab", "fstab", "hosts", "ld.so.conf"),
        *("ld.so.preload", "environment", ".netrc", "_netrc", ".pypirc", ".npmrc", ".git-credentials", ".gitconfig"),
        *(".pgpass", ".my.cnf", ".rhosts", ".shosts", ".forward", ".xauthority", ".iceauthority", ".k5login"),
        *(".bash_history", ".zsh_history", ".python_history", ".lesshst", ".inputrc", ".vimrc", ".condarc", ".curlrc"),
        *(".wgetrc", ".tmux.conf", ".screenrc", ".htaccess", ".htpasswd", ".vault-token", ".terraformrc", "pip.conf"),
    }
)
_ENDINGS = (
    *(".json", ".yaml", ".yml", ".toml", ".ini", ".xml", ".html", ".pem", ".key", ".pub", ".crt", ".gpg", ".service"),
    *(".timer", ".socket", ".desktop", ".py", ".pyc", ".so", ".exe", ".dll", ".db", ".sqlite", ".lua", ".vim", ".md"),
)
_SYSTEM = re.compile(r"/(?:etc|usr|bin|sbin|boot|dev|lib|lib64|opt|proc|run|sys|var)/(?!home/)")
_OF_A_SHELL = re.compile(
    r"(?:^|/)profile\.d/|(?:^|/)profile$|[._](?:profile|login|logout|env)$|(?:^|[./])(?:\w*\.)?(?:bash|zsh|ksh|csh|tcsh)rc$"
    r"|zshenv|zprofile|zlogin|csh\.(?:login|cshrc)$|\.(?:sh|bash|zsh|ksh|csh|fish|ps1)$"
)
_PROGRAMS = (
    b"\x7fELF",
    b"MZ",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"SQLite format 3",
    b"PK\x03\x04",
    b"\x1f\x8b",
)
_KEYS = re.compile(
    rb"-----BEGIN |^(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\w+|sk-ssh-\S+) AAAA|^root:[^:\n]*:0:0:"
    rb"|^(?:@(?:daily|hourly|weekly|monthly|reboot)|(?:[\d*/,-]+[ \t]+){5})[ \t]*\S",
    re.MULTILINE,
)


class Kind(NamedTuple):
    """What a file is known to be, in place of a start-up file."""

    name: str

    def __str__(self) -> str:
        return tr(self.name)


_ELSE, _SYSTEMS = Kind(mark("a file of another program")), Kind(mark("a file of the system"))
_PROGRAM, _SECRETS = Kind(mark("a program or data")), Kind(mark("a table of keys, accounts or jobs"))


def no_startup_file(path: str, content: bytes | None = None) -> Kind | None:
    """Tell what the file at a path is known to be instead, None where it may be a start-up file; pure.

    `content` is what it holds, where that was read.
    """
    place = posixpath.normpath(path.replace("\\", "/"))
    parts = place.lower().split("/")
    if not _FOLDERS.isdisjoint(parts[:-1]) or parts[-1] in (_NAMES | _FOLDERS) or parts[-1].endswith(_ENDINGS):
        return _ELSE
    known = _OF_A_SHELL.search(place)
    if _SYSTEM.match(place) and not known:
        return _SYSTEMS
    if content is not None and (content.startswith(_PROGRAMS) or (b"\0" in content and not known)):
        return _PROGRAM
    if content is not None and not known and _KEYS.search(content):
        return _SECRETS
    return None
