"""Which proxy a request goes through, if any; pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import quote

from torchup.model.offer import IndexSettings
from torchup.resolve.offers.urls import is_url, parts_of


def proxy_for(url: str, settings: IndexSettings) -> str | None:
    """Give the proxy for a URL with its login put back; None for a direct connection."""
    secure = url.lower().startswith("https:")
    proxy = settings.proxy if secure else settings.http_proxy
    if not proxy or bypassed(url, settings.no_proxy):
        return None
    login = settings.credentials.get(proxy)
    proxy = proxy if is_url(proxy) else f"http://{proxy}"
    if login is None:
        return proxy
    scheme, _, rest = proxy.partition("://")
    return f"{scheme}://{quote(login[0], safe='')}:{quote(login[1], safe='')}@{rest}"


def bypassed(url: str, no_proxy: str | None) -> bool:
    """Tell whether NO_PROXY excepts a URL: `*`, a host, a domain with its subdomains, an address, a network."""
    parts = parts_of(url)
    host, port = (parts.hostname or "").lower(), parts.port
    for entry in (no_proxy or "").replace(" ", ",").split(","):
        name, _, wanted_port = (
            entry.strip().lower().partition(":") if entry.count(":") == 1 else (entry.strip(), "", "")
        )
        if not name or (wanted_port and wanted_port != str(port)):
            continue
        domain = name.removeprefix("*").removeprefix(".")
        if name == "*" or host == domain or host.endswith("." + domain) or _inside(host, name):
            return True
    return False


def _inside(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
