"""What the plan adds to the environment of installers; what they inherit is in `plan.inherited`."""

from __future__ import annotations

from pathlib import Path

from torchup.model.context import Context
from torchup.model.offer import IndexSettings


def installer_environment(settings: IndexSettings, context: Context, *, pip: bool) -> dict[str, str]:
    """Give what is added for uv or pip: CA bundle, proxy, and caches below another root.

    A proxy with credentials is not among them: those travel by `plan.secrets`.
    """
    added: dict[str, str] = {}
    if settings.ca_bundle:
        added["SSL_CERT_FILE"] = settings.ca_bundle
        if pip:
            added["PIP_CERT"] = settings.ca_bundle
    private = {url.rstrip("/") for url in settings.credentials}
    proxies = {"HTTPS_PROXY": settings.proxy, "HTTP_PROXY": settings.http_proxy or settings.proxy}
    added |= {name: proxy for name, proxy in proxies.items() if proxy and proxy.rstrip("/") not in private}
    if settings.no_proxy and (settings.proxy or settings.http_proxy):
        added["NO_PROXY"] = settings.no_proxy
    if pip:
        # The null device makes pip read no configuration file: the plan has already taken over what they say.
        added["PIP_CONFIG_FILE"] = "/dev/null"
    if context.root != Path("/"):
        added |= {
            "UV_CACHE_DIR": str(context.places.cache / "uv"),
            "UV_PYTHON_INSTALL_DIR": str(context.places.cache / "python"),
            "PIP_CACHE_DIR": str(context.places.cache / "pip"),
        }
    return added
