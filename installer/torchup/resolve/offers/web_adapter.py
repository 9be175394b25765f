"""The adapters between requests and urllib3: connections that can be shut from outside, answers that are kept.

CacheControl revalidates and answers 304s. What is kept is decided here: a page is stored when its reader says
that it is whole and a package list, so that neither half a page nor a captive portal ever comes out of the cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cachecontrol import CacheControlAdapter
from cachecontrol.caches import FileCache
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse
from urllib3.util.retry import Retry

from torchup.resolve.offers.web_sockets import OpenSockets

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

_POOL = 8
_FROM_CACHE = frozenset({301, 304, 308})


class PlainAdapter(HTTPAdapter):
    """requests' adapter, whose connections are known to `sockets`."""

    def __init__(self, sockets: OpenSockets, *, max_retries: Retry) -> None:
        self._pools = _watched_pools(sockets)
        super().__init__(max_retries=max_retries, pool_maxsize=_POOL)

    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        """Make the manager of direct connections."""
        super().init_poolmanager(*args, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **named: Any) -> Any:
        """Make the manager of connections through a proxy."""
        manager = super().proxy_manager_for(*args, **named)
        manager.pool_classes_by_scheme = self._pools
        return manager


class CachingAdapter(CacheControlAdapter):
    """CacheControl's adapter over a file cache, whose connections are known to `sockets`."""

    def __init__(self, store: FileCache, sockets: OpenSockets, *, max_retries: Retry) -> None:
        self._pools = _watched_pools(sockets)
        super().__init__(cache=store, max_retries=max_retries, pool_maxsize=_POOL)

    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        """Make the manager of direct connections."""
        super().init_poolmanager(*args, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **named: Any) -> Any:
        """Make the manager of connections through a proxy."""
        manager = super().proxy_manager_for(*args, **named)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def build_response(  # type: ignore[override]  # CacheControl adds parameters of its own
        self, request: PreparedRequest, response: HTTPResponse, from_cache: bool = False, **named: Any
    ) -> Response:
        """Leave revalidation and permanent redirects to CacheControl; other bodies are stored by `keep`."""
        if from_cache or response.status in _FROM_CACHE:
            return super().build_response(request, response, from_cache, **named)
        return HTTPAdapter.build_response(self, request, response)

    def keep(self, response: Response, content: bytes) -> None:
        """Store a page that was read to its end, if it can be revalidated.

        PyTorch's index says no-store about its listings. They are public and are revalidated on every use,
        so the copy is never more than a shorter way to the same bytes.
        """
        raw = response.raw
        if getattr(response, "from_cache", False):
            return
        if "etag" in raw.headers:
            raw.headers["cache-control"] = "no-cache"
        elif "last-modified" in raw.headers:
            # CacheControl stores by an ETag or an age; the age is never used, for requests say max-age=0.
            raw.headers["cache-control"] = "max-age=86400"
        else:
            return
        # The body was decoded on its way in.
        for name in ("content-encoding", "transfer-encoding"):
            raw.headers.discard(name)
        raw.headers["content-length"] = str(len(content))
        self.controller.cache_response(response.request, raw, body=content)


def _watched_pools(sockets: OpenSockets) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
