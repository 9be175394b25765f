"""The package sources that pip and uv are configured with on this machine, as one value.

uv does not read pip's configuration, and pip does not read uv's. A person who configured one expects both
to follow, so both are read here and passed on explicitly. Where both name a default index, uv's counts,
because uv installs; extra indexes and find-links of both are joined, uv's first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from torchup.model.facts import System
from torchup.model.offer import IndexSettings
from torchup.resolve.offers.configured import Configured, Setting
from torchup.resolve.offers.default_index import default_index
from torchup.resolve.offers.pip_config import read_pip
from torchup.resolve.offers.urls import Credentials, host_of, is_remote, parts_of, split_credentials, without_slash
from torchup.resolve.offers.uv_config import read_uv
from torchup.tokens import without_tokens
from torchup.words import mark, tr


def read_settings(
    environ: Mapping[str, str],
    home: Path,
    *,
    uv: str | None = None,
    prefix: Path | None = None,
    root: Path = Path("/"),
    cwd: Path | None = None,
    system: System | None = None,
    cache: Path | None = None,
    ask: bool = True,
) -> IndexSettings:
    """Read the configuration of pip and uv, and ask uv for its default index where none is configured.

    `uv` is the path of uv, found next to torchup when None; `prefix` is the environment whose pip.conf counts;
    `root` is where the system's files are read. `cache` keeps uv's answer between runs, and with `ask`
    False only a kept answer is used. Nothing here raises: what cannot be read is named in `problems`.
    """
    cwd = cwd or Path.cwd()
    system = system or _this_system()
    pip = read_pip(environ, home, prefix=prefix or Path(sys.prefix), system=system, root=root, cwd=cwd)
    of_uv = read_uv(environ, home, system=system, root=root, cwd=cwd)
    settings = merge(of_uv, pip, environ)
    if settings.default_index is None and not settings.no_index:
        asked = default_index(environ, uv=uv, cache=cache, ask=ask)
        if asked is not None:
            return _with_default(settings, asked)
    return _with_logins(settings, environ, home)


def connection_only(settings: IndexSettings) -> IndexSettings:
    """Keep how this machine reaches the network and drop its package sources.

    For resolving another machine's facts: that machine's sources are not known, this one's proxy still is.
    """
    return IndexSettings(
        ca_bundle=settings.ca_bundle,
        proxy=settings.proxy,
        http_proxy=settings.http_proxy,
        no_proxy=settings.no_proxy,
        problems=settings.problems,
        origins={name: settings.origins[name] for name in _CONNECTION if name in settings.origins},
        credentials={
            url: login for url, login in settings.credentials.items() if url in (settings.proxy, settings.http_proxy)
        },
    )


def merge(uv: Configured, pip: Configured, environ: Mapping[str, str]) -> IndexSettings:
    """Join what uv and pip are configured with; pure."""
    credentials: dict[str, Credentials] = {}
    origins: dict[str, str] = {}

    def plain(setting: Setting) -> str:
        bare, login = split_credentials(setting.value)
        bare = without_slash(bare)
        if login is not None:
            credentials[bare] = login
        return bare

    def one(name: str, *candidates: Setting | None) -> str | None:
        for setting in candidates:
            if setting is not None:
                origins[name] = setting.origin
                return plain(setting)
        return None

    def several(name: str, settings: Iterable[Setting]) -> tuple[str, ...]:
        values: dict[str, str] = {}
        for setting in settings:
            values.setdefault(plain(setting), setting.origin)
        if values:
            origins[name] = ", ".join(dict.fromkeys(values.values()))
        return tuple(values)

    def variable(*names: str) -> Setting | None:
        # The lower-case spelling wins, as in curl and requests.
        spellings = [spelling for name in names for spelling in (name.lower(), name)]
        return next((Setting(environ[name], name) for name in spellings if environ.get(name)), None)

    no_index = uv.no_index or pip.no_index
    if no_index:
        origins["no_index"] = no_index.origin
    for url, user, password in (*uv.logins, *pip.logins):
        credentials[without_slash(split_credentials(url)[0])] = (user, password)
    certificates = [Setting(environ[name], name) for name in _CERTIFICATES if environ.get(name)]
    default = one("default_index", *(() if no_index else (uv.index, pip.index)))
    return IndexSettings(
        default_index=default,
        extra_indexes=() if no_index else several("extra_indexes", (*uv.extra_indexes, *pip.extra_indexes)),
        find_links=several("find_links", (*uv.find_links, *pip.find_links)),
        ca_bundle=one("ca_bundle", uv.certificate, pip.certificate, *certificates),
        proxy=one("proxy", pip.proxy, uv.proxy, variable("HTTPS_PROXY", "ALL_PROXY")),
        http_proxy=one("http_proxy", pip.proxy, uv.http_proxy, variable("HTTP_PROXY", "ALL_PROXY")),
        no_proxy=one("no_proxy", uv.no_proxy, variable("NO_PROXY")),
        no_index=no_index is not None,
        problems=(*uv.problems, *pip.problems),
        origins=origins,
        credentials=credentials,
    )


_CONNECTION = ("ca_bundle", "proxy", "http_proxy", "no_proxy")
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def _with_default(settings: IndexSettings, index: str) -> IndexSettings:
    from dataclasses import replace

    return replace(
        settings,
        default_index=without_slash(index),
        origins={**settings.origins, "default_index": mark("the installer's own default")},
    )


def with_netrc(
    settings: IndexSettings, addresses: Iterable[str], environ: Mapping[str, str], home: Path
) -> IndexSettings:
    """Add the logins that the netrc file has for the hosts of some addresses, as pip and uv find them themselves.

    They hold for the whole host. An address that has a login already keeps it.
    """
    added, problem = _netrc_logins([_root_of(url) for url in addresses if is_remote(url)], settings, environ, home)
    return _with(settings, added, problem)


def _with_logins(settings: IndexSettings, environ: Mapping[str, str], home: Path) -> IndexSettings:
    """Add the logins of the netrc file for configured hosts that bring none of their own."""
    configured = (settings.default_index, *settings.extra_indexes, *settings.find_links)
    added, problem = _netrc_logins([url for url in configured if url and is_remote(url)], settings, environ, home)
    return _with(settings, added, problem)


def _with(settings: IndexSettings, added: dict[str, Credentials], problem: str | None) -> IndexSettings:
    from dataclasses import replace

    problems = (*settings.problems, *([problem] if problem and problem not in settings.problems else []))
    return replace(settings, credentials={**added, **settings.credentials}, problems=problems)


def _netrc_logins(
    urls: list[str], settings: IndexSettings, environ: Mapping[str, str], home: Path
) -> tuple[dict[str, Credentials], str | None]:
    bare = [url for url in urls if url not in settings.credentials]
    path = Path(environ["NETRC"]) if environ.get("NETRC") else home / ".netrc"
    if not bare or not path.is_file():
        return {}, None
    from netrc import NetrcParseError, netrc

    try:
        book = netrc(path)
    except (NetrcParseError, OSError, UnicodeDecodeError) as error:
        return {}, tr("{path} could not be read: {error}.", path=path, error=_one_line(error))
    logins = {url: entry for url in bare if (entry := book.authenticators(host_of(url).partition(":")[0]))}
    return {url: (user, password or "") for url, (user, _, password) in logins.items()}, None


def _root_of(url: str) -> str:
    parts = parts_of(url)
    return f"{parts.scheme}://{host_of(url)}"


def _one_line(error: Exception) -> str:
    return without_tokens(str(error).splitlines()[0]) if str(error) else type(error).__name__


def _this_system() -> System:
    if sys.platform == "win32":
        return "windows"
    return "darwin" if sys.platform == "darwin" else "linux"
