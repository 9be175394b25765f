"""Credentials of package sources: kept out of plans and command lines, given to programs by environment.

uv reads `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD` for an index that has a name (uv's documentation on
authentication). pip takes the credentials of any index URL it is configured with for the same URL without
them, so `PIP_EXTRA_INDEX_URL` carries them there.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit, urlunsplit

from torchup.model.offer import IndexSettings

NAME_PREFIX = "torchup-private-"


def index_names(settings: IndexSettings) -> dict[str, str]:
    """Give every index that has credentials a name; the keys are URLs without a final slash."""
    indexes = {index.rstrip("/") for index in _indexes(settings)}
    known = sorted(url for url in settings.credentials if url.rstrip("/") in indexes)
    return {url.rstrip("/"): f"{NAME_PREFIX}{number}" for number, url in enumerate(known, start=1)}


def find_links_are_secret(settings: IndexSettings) -> bool:
    """Tell whether a find-links page needs credentials, so that all of them travel by environment."""
    with_secrets = {url.rstrip("/") for url in settings.credentials}
    return any(link.rstrip("/") in with_secrets for link in settings.find_links)


def secret_environment(settings: IndexSettings) -> dict[str, str]:
    """Give the environment variables that hold credentials, for the real system and nobody else."""
    credentials = {url.rstrip("/"): pair for url, pair in settings.credentials.items()}
    variables: dict[str, str] = {}
    private: list[str] = []
    for url, name in index_names(settings).items():
        user, password = credentials[url]
        stem = "UV_INDEX_" + name.upper().replace("-", "_")
        variables[f"{stem}_USERNAME"] = user
        variables[f"{stem}_PASSWORD"] = password
        private.append(_with_credentials(url, user, password))
    if private:
        variables["PIP_EXTRA_INDEX_URL"] = " ".join(private)
    if find_links_are_secret(settings):
        links = [
            _with_credentials(link, *credentials[link.rstrip("/")]) if link.rstrip("/") in credentials else link
            for link in settings.find_links
        ]
        variables["UV_FIND_LINKS"] = ",".join(links)
        variables["PIP_FIND_LINKS"] = " ".join(links)
    proxies = {"HTTPS_PROXY": settings.proxy, "HTTP_PROXY": settings.http_proxy or settings.proxy}
    for name, proxy in proxies.items():
        if proxy and proxy.rstrip("/") in credentials:
            variables[name] = _with_credentials(proxy, *credentials[proxy.rstrip("/")])
    return variables


def _indexes(settings: IndexSettings) -> tuple[str, ...]:
    return (*([settings.default_index] if settings.default_index else []), *settings.extra_indexes)


def _with_credentials(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    who = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return urlunsplit(parts._replace(netloc=f"{who}@{parts.netloc.rpartition('@')[2]}"))
