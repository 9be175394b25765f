"""The adapter between requests and urllib3: connections that can be shut from outside."""

from __future__ import annotations

from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.retry import Retry

from torchup.resolve.offers.web_sockets import OpenSockets

_POOL = 8


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
