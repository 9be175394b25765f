"""Which requests go through a proxy."""

from __future__ import annotations

import pytest

from torchup.model.offer import IndexSettings
from torchup.resolve.offers.proxies import bypassed, proxy_for


@pytest.mark.parametrize(
    ("url", "no_proxy", "direct"),
    [
        ("https://a.example/s", "a.example", True),
        ("https://x.a.example/s", "a.example", True),
        ("https://x.a.example/s", ".a.example", True),
        ("https://x.a.example/s", "*.a.example", True),
        ("https://ba.example/s", "a.example", False),
        ("https://a.example:8443/s", "a.example:8443", True),
        ("https://a.example:8443/s", "a.example:443", False),
        ("https://10.1.2.3/s", "10.0.0.0/8", True),
        ("https://11.1.2.3/s", "10.0.0.0/8", False),
        ("https://[::1]:80/s", "::1", True),
        ("https://a.example/s", "*", True),
        ("https://a.example/s", " , ", False),
        ("https://a.example/s", None, False),
    ],
)
def test_no_proxy(url: str, no_proxy: str | None, direct: bool) -> None:
    assert bypassed(url, no_proxy) is direct


def test_a_proxys_login_is_put_back_for_the_connection_only() -> None:
    proxy = "http://proxy.example:3128"
    settings = IndexSettings(proxy=proxy, credentials={proxy: ("me", "p@ss/")})
    assert proxy_for("https://a.example/", settings) == "http://me:p%40ss%2F@proxy.example:3128"
    assert proxy_for("http://a.example/", settings) is None
    assert proxy_for("https://a.example/", IndexSettings(proxy="bare.example:1")) == "http://bare.example:1"
