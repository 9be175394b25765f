"""Which settings of pip, uv, conda and Python reach torchup's children: those of a list, with a reason each.

An installer takes every variable in its name space for an option, which would go somewhere else (`PIP_TARGET`), for
another system (`PIP_PLATFORM`), from a list of somebody's (`PIP_REQUIREMENT`), or into another interpreter (`UV_PYTHON`)
than the plan says. A list of what to leave out is never complete, so this is one of what goes through.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from torchup.words import tr

SPACES = ("PIP_", "UV_", "CONDA_", "_CONDA_", "MAMBA_", "PYTHON", "__PYVENV_", "VIRTUAL_ENV")
"""How the names begin over which the list decides; every other variable is inherited as it is."""

Use = Literal["passed", "read", "silent"]


class Row(NamedTuple):
    """One variable, or several by a pattern, and what becomes of it.

    It is `passed` on; or `read` by torchup, which tells the installer by options and variables of its own; or left out
    in `silent`, because it says nothing about what torchup runs. A variable without a row is left out and named.
    A `path` is made absolute, because children run in another folder.
    """

    name: str
    use: Use
    why: str
    path: bool = False


ROWS = (
    # How the network is reached, which means the same for every package.
    Row("PIP_CERT", "passed", "the certificates of the company", path=True),
    Row("PIP_CLIENT_CERT", "passed", "the person's certificate for an index", path=True),
    Row("PIP_TRUSTED_HOST", "passed", "an index whose certificate nobody can check"),
    Row("PIP_PROXY", "passed", "the way out of the network"),
    Row("PIP_TIMEOUT", "passed", "how long a slow index is waited for"),
    Row("PIP_DEFAULT_TIMEOUT", "passed", "the older name of PIP_TIMEOUT"),
    Row("PIP_RETRIES", "passed", "how often a shaky index is asked"),
    Row("PIP_RESUME_RETRIES", "passed", "how often a broken download is taken up again"),
    Row("PIP_KEYRING_PROVIDER", "passed", "where logins are kept"),
    Row("UV_HTTP_TIMEOUT", "passed", "how long a slow index is waited for"),
    Row("UV_REQUEST_TIMEOUT", "passed", "an older name of UV_HTTP_TIMEOUT"),
    Row("UV_HTTP_CONNECT_TIMEOUT", "passed", "how long a connection is waited for"),
    Row("UV_HTTP_RETRIES", "passed", "how often a shaky index is asked"),
    Row("UV_KEYRING_PROVIDER", "passed", "where logins are kept"),
    Row("UV_CREDENTIALS_DIR", "passed", "where logins are kept", path=True),
    Row("UV_INDEX_*_USERNAME", "passed", "the login for an index, by its name"),
    Row("UV_INDEX_*_PASSWORD", "passed", "the login for an index, by its name"),
    Row("UV_INSECURE_HOST", "passed", "an index whose certificate nobody can check"),
    Row("UV_NATIVE_TLS", "passed", "the system's certificates"),
    Row("UV_SYSTEM_CERTS", "passed", "the system's certificates"),
    Row("UV_GITHUB_TOKEN", "passed", "the login for downloads of Python"),
    Row("UV_CONCURRENT_*", "passed", "how many things are done at once"),
    Row("UV_LOCK_TIMEOUT", "passed", "how long another uv is waited for"),
    Row("UV_ASTRAL_MIRROR_URL", "passed", "where interpreters come from"),
    Row("UV_PYTHON_INSTALL_MIRROR", "passed", "where interpreters come from"),
    Row("UV_PYPY_INSTALL_MIRROR", "passed", "where interpreters come from"),
    Row("UV_PYTHON_DOWNLOADS_JSON_URL", "passed", "where interpreters come from"),
    Row("CONDA_SSL_VERIFY", "passed", "the certificates of the company"),
    Row("CONDA_CLIENT_SSL_CERT*", "passed", "the person's certificate for a channel"),
    Row("CONDA_PROXY_SERVERS*", "passed", "the way out of the network"),
    Row("CONDA_REMOTE_*", "passed", "time-outs and repetitions"),
    Row("CONDA_CHANNEL_ALIAS", "passed", "the company's mirror of the channels"),
    Row("CONDA_DEFAULT_CHANNELS", "passed", "the company's mirror of the channels"),
    Row("CONDA_CUSTOM_CHANNELS", "passed", "the company's mirror of the channels"),
    Row("MAMBA_SSL_VERIFY", "passed", "the certificates of the company"),
    # Where things are kept, and how they are put there.
    Row("PIP_CACHE_DIR", "passed", "a place with room for downloads", path=True),
    Row("PIP_NO_CACHE_DIR", "passed", "no room for downloads"),
    Row("UV_CACHE_DIR", "passed", "a place with room for downloads", path=True),
    Row("UV_NO_CACHE", "passed", "no room for downloads"),
    Row("UV_PYTHON_INSTALL_DIR", "passed", "the place of uv's interpreters", path=True),
    Row("UV_PYTHON_CACHE_DIR", "passed", "a place with room for downloads", path=True),
    Row("UV_LINK_MODE", "passed", "copies where links are not possible"),
    Row("UV_COMPILE_BYTECODE", "passed", "the same files, compiled sooner"),
    Row("CONDA_PKGS_DIRS", "passed", "a place with room for downloads"),
    Row("MAMBA_PKGS_DIRS", "passed", "a place with room for downloads"),
    Row("MAMBA_ROOT_PREFIX", "passed", "the place of micromamba's environments", path=True),
    Row("PYTHONPYCACHEPREFIX", "passed", "the place of compiled files", path=True),
    # What is shown, and in which encoding.
    Row("PIP_NO_COLOR", "passed", "how the output looks"),
    Row("PIP_PROGRESS_BAR", "passed", "how the output looks"),
    Row("PIP_ROOT_USER_ACTION", "passed", "whether pip warns root"),
    Row("PIP_DISABLE_PIP_VERSION_CHECK", "passed", "whether pip looks for a newer pip"),
    Row("PIP_NO_INPUT", "passed", "nothing is asked in any case"),
    Row("UV_NO_PROGRESS", "passed", "how the output looks"),
    Row("UV_NO_WRAP", "passed", "how the output looks"),
    Row("PYTHONUTF8", "passed", "the encoding of files"),
    Row("PYTHONIOENCODING", "passed", "the encoding of the output"),
    Row("PYTHONUNBUFFERED", "passed", "when the output comes"),
    Row("PYTHONDONTWRITEBYTECODE", "passed", "whether compiled files are kept"),
    Row("PYTHONHASHSEED", "passed", "the order of sets"),
    Row("PYTHONNOUSERSITE", "passed", "the person's own packages stay out"),
    Row("PYTHON_KEYRING_BACKEND", "passed", "where logins are kept"),
    # Read by torchup: the plan says it itself.
    *(
        Row(name, "read", "a package source", path=name.endswith("_FILE"))
        for name in (
            *("PIP_CONFIG_FILE", "PIP_INDEX_URL", "PIP_PYPI_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"),
            *("PIP_NO_INDEX", "UV_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"),
            *("UV_INDEX", "UV_INDEX_URL", "UV_NO_CONFIG"),
        )
    ),
    *(Row(name, "read", "where conda is") for name in ("CONDA_EXE", "MAMBA_EXE", "CONDA_OVERRIDE_CUDA")),
    # About something that torchup does not do.
    *(
        Row(name, "silent", "the environment of the shell that torchup was started in; every command names its own")
        for name in (
            *("VIRTUAL_ENV", "VIRTUAL_ENV_*", "__PYVENV_LAUNCHER__", "CONDA_PREFIX", "CONDA_PREFIX_*"),
            *("CONDA_DEFAULT_ENV", "CONDA_SHLVL", "CONDA_PROMPT_MODIFIER", "CONDA_PYTHON_EXE", "CONDA_STACKED_*"),
            *("CONDA_ROOT", "_CONDA_*", "CONDA_MKL_INTERFACE_LAYER_BACKUP", "CONDA_BACKUP_*", "CONDA_INITIALIZED"),
            *("CONDA_BUILD*", "CONDA_TOOLCHAIN_*", "CONDA_CHANGEPS1"),
        )
    ),
    *(
        Row(name, "silent", "nothing of the person's own is imported into an installer")
        for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONSTARTUP", "PYTHON*")
    ),
    *(
        Row(name, "silent", "about commands that torchup does not give")
        for name in (
            *("UV_PUBLISH_*", "UV_TOOL_*", "UV_RUN_*", "UV_INIT_*", "UV_DEV", "UV_NO_DEV", "UV_NO_SYNC", "UV_FROZEN"),
            *("UV_LOCKED", "UV_NO_GROUP", "UV_NO_DEFAULT_GROUPS", "UV_ENV_FILE", "UV_NO_ENV_FILE", "UV_ISOLATED"),
            *("UV_PROJECT", "UV_PROJECT_ENVIRONMENT", "UV_NO_PROJECT", "UV_WORKING_DIR*", "UV_PYTHON_BIN_DIR"),
            *(
                "UV_PYTHON_INSTALL_BIN",
                "UV_PYTHON_INSTALL_REGISTRY",
                "UV_NO_SYSTEM_CONFIG",
                "UV_UPLOAD_*",
                "UV_STACK_SIZE",
            ),
            *("UV_SHOW_RESOLUTION", "UV_LOG_CONTEXT", "UV_CUSTOM_COMPILE_COMMAND", "UV_VENV_*", "UV_NO_MODIFY_PATH"),
            *("PIP_QUIET", "PIP_VERBOSE", "PIP_LOG", "PIP_REQUIRE_VIRTUALENV", "PIP_SRC", "PIP_EXISTS_ACTION"),
            *("PIP_FORMAT", "PIP_DEBUG", "PIP_NO_CLEAN", "PIP_NO_WARN_SCRIPT_LOCATION", "PIP_NO_WARN_CONFLICTS"),
            *(
                "CONDA_ALWAYS_YES",
                "CONDA_AUTO_*",
                "CONDA_QUIET",
                "CONDA_JSON",
                "CONDA_REPORT_ERRORS",
                "CONDA_ENV_PROMPT",
            ),
        )
    ),
)

PATHS = (
    *(row.name for row in ROWS if row.path),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "SSL_CLIENT_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC", "TMPDIR"),
)
"""Variables that name one file or folder, which may be written from the current folder on."""


def use_of(name: str) -> Use | None:
    """Tell what becomes of a variable: None where it is left out and named."""
    if not name.startswith(SPACES):
        return "passed"
    return next((row.use for row in ROWS if fnmatchcase(name, row.name)), None)


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """Give what children inherit of an environment."""
    return {name: value for name, value in environ.items() if use_of(name) == "passed"}


def passed_patterns() -> tuple[str, ...]:
    """Give the names, some of them patterns, of what goes through although it is in one of the name spaces."""
    return tuple(row.name for row in ROWS if row.use == "passed")


def left_out_sentence(environ: Mapping[str, str], tool: Literal["uv", "pip", "conda"]) -> str | None:
    """Name what is set and would have changed what an installer does; None where nothing is."""
    spaces = {"uv": ("UV_",), "pip": ("PIP_",), "conda": ("CONDA_", "MAMBA_")}[tool]
    names = sorted(
        name for name, value in environ.items() if value and name.startswith(spaces) and use_of(name) is None
    )
    if not names:
        return None
    return tr(
        "{tool} runs without {names}, which this shell sets: with it the packages would not be the planned ones, or go elsewhere.",
        tool=tool,
        names=", ".join(names),
    )
