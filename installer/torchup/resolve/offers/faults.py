"""What went wrong with a request, in a few words that a person understands."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

import requests
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, ProtocolError, ReadTimeoutError

from torchup.resolve.offers.transport import FetchError, Limits
from torchup.resolve.offers.urls import host_of
from torchup.tokens import without_tokens
from torchup.words import tr

_LONGEST = 160


def missing(status: int) -> bool:
    """Tell whether a status says "no such page"; PyTorch's index says 403 for that."""
    return status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


def status_fault(response: requests.Response) -> FetchError:
    """Describe an answer that is neither a page nor "no such page"."""
    status, reason, host = response.status_code, response.reason, host_of(response.url)
    if status == HTTPStatus.UNAUTHORIZED and "Authorization" in response.request.headers:
        text = tr(
            "answered 401: it refused the login for {host} that ~/.netrc or the settings of pip or uv hold", host=host
        )
        return FetchError("host", text, status=status)
    if status == HTTPStatus.UNAUTHORIZED:
        text = tr(
            "answered 401: it wants a login; write one for {host} into ~/.netrc, or into pip's or uv's settings",
            host=host,
        )
        return FetchError("host", text, status=status)
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return FetchError("host", tr("the proxy wants a login, or refused the one in HTTPS_PROXY or HTTP_PROXY"))
    return FetchError(
        "page",
        without_tokens(tr("answered {status} {reason}", status=status, reason=(reason or "")[:40]).rstrip()),
        status=status,
    )


def blamed(fault: FetchError, url: str, at: str | None) -> FetchError:
    """Lay a fault at the door of the server that was asked in the end, at `at`, where `url` redirected to another."""
    host = host_of(at or url)
    if host in ("", host_of(url)):
        return fault
    detail = tr("redirected to {host}: {detail}", host=host, detail=fault.detail)
    return FetchError(fault.kind, detail, status=fault.status, moved=True)


def explain(error: Exception, url: str, limits: Limits, proxy: str | None) -> FetchError:
    """Describe an exception of requests or urllib3; addresses in it lose their logins."""
    at = getattr(getattr(error, "request", None), "url", None)
    return blamed(_explained(error, host_of(at or url), limits, proxy), url, at)


def _explained(error: Exception, host: str, limits: Limits, proxy: str | None) -> FetchError:
    causes = tuple(_causes(error))
    if isinstance(error, requests.TooManyRedirects):
        return FetchError("page", tr("redirected more than {redirects} times", redirects=limits.redirects))
    if isinstance(error, requests.exceptions.InvalidURL):
        return FetchError("page", without_tokens(str(error)))
    if isinstance(error, requests.exceptions.SSLError):
        return FetchError("host", tr("its certificate was not accepted: {error}", error=_short(causes[-1])))
    if isinstance(error, requests.exceptions.ProxyError):
        return FetchError(
            "host",
            tr("the proxy {proxy} could not be used: {error}", proxy=host_of(proxy or ""), error=_short(causes[-1])),
        )
    if any(isinstance(cause, NameResolutionError) for cause in causes):
        return FetchError("host", tr("could not resolve the name {host}", host=host))
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return FetchError("host", tr("{host} refused the connection", host=host))
    if isinstance(error, requests.ConnectTimeout) or any(isinstance(cause, ConnectTimeoutError) for cause in causes):
        return FetchError(
            "host", tr("no connection to {host} within {connect_s:g} s", host=host, connect_s=limits.connect_s)
        )
    if isinstance(error, requests.ReadTimeout) or any(isinstance(cause, ReadTimeoutError) for cause in causes):
        return FetchError("host", tr("no answer from {host} within {read_s:g} s", host=host, read_s=limits.read_s))
    if any(isinstance(cause, ProtocolError | ConnectionResetError) for cause in causes):
        return FetchError("page", tr("cut the connection"))
    return FetchError("host", _short(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk down to the first cause; urllib3 keeps it in `reason` or among the arguments."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        inner = [getattr(current, "reason", None), *current.args, current.__cause__, current.__context__]
        current = next((item for item in inner if isinstance(item, BaseException)), None)


def _short(error: BaseException) -> str:
    text = without_tokens(" ".join(str(error).split())) or type(error).__name__
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
