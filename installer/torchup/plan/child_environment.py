"""The environment that installers run in: explicit, so that the plan means the same in every shell."""

from __future__ import annotations

from pathlib import Path

from torchup.model.context import Context
from torchup.model.offer import IndexSettings

CLEARED = (
    *("PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE", "__PYVENV_LAUNCHER__"),
    *("UV_BREAK_SYSTEM_PACKAGES", "UV_BUILD_CONSTRAINT", "UV_CONFIG_FILE", "UV_CONSTRAINT", "UV_DEFAULT_INDEX"),
    *("UV_EXCLUDE", "UV_EXCLUDE_NEWER", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX", "UV_INDEX_STRATEGY"),
    *("UV_INDEX_URL", "UV_NO_BINARY", "UV_NO_BUILD", "UV_NO_INDEX", "UV_NO_VERIFY_HASHES", "UV_OFFLINE"),
    *("UV_OVERRIDE", "UV_PRERELEASE", "UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_PYTHON", "UV_PYTHON_DOWNLOADS"),
    *("UV_PYTHON_PREFERENCE", "UV_REQUIRE_HASHES", "UV_RESOLUTION", "UV_SYSTEM_PYTHON", "UV_TORCH_BACKEND"),
    *("UV_VENV_CLEAR", "UV_VENV_SEED", "UV_WORKING_DIR"),
    *("PIP_BREAK_SYSTEM_PACKAGES", "PIP_CONFIG_FILE", "PIP_CONSTRAINT", "PIP_DRY_RUN", "PIP_EXTRA_INDEX_URL"),
    *("PIP_FIND_LINKS", "PIP_FORCE_REINSTALL", "PIP_INDEX_URL", "PIP_NO_BINARY", "PIP_NO_DEPS", "PIP_NO_INDEX"),
    *("PIP_ONLY_BINARY", "PIP_PRE", "PIP_PREFIX", "PIP_REQUIRE_HASHES", "PIP_ROOT", "PIP_TARGET", "PIP_UPGRADE"),
    *("PIP_USER",),
)
"""Variables that would change what an installer's command means; children and the script run without them."""


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
