"""Fetch a file to the disk: with the configured proxy, certificates and logins, whole and checked, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import IO, Any

from torchup.apply.interrupts import CommandInterruptedError, Interrupts
from torchup.apply.redact import redact
from torchup.errors import StepError
from torchup.model.offer import IndexSettings
from torchup.resolve.offers.transport import FetchError, Limits
from torchup.words import tr

_CHUNK = 256 * 1024
_MIB = 1024 * 1024
_TELL_SECONDS = 1.0
_PASSING = frozenset({429, 500, 502, 503, 504})
_LOGIN_WANTED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED})


class _CutOffError(FetchError):
    """The connection ended in the middle of a file."""

    def __init__(self, detail: str) -> None:
        super().__init__("page", detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebFiles:
    """Fetches files. `pauses` are the seconds to wait before each further try after a fault that may pass."""

    settings: IndexSettings
    interrupts: Interrupts
    limits: Limits = field(default_factory=lambda: Limits(connect_s=15.0, read_s=60.0, retries=0))
    pauses: tuple[float, ...] = (1.0, 4.0, 15.0)
    sleep: Callable[[float], None] = time.sleep

    def fetch(self, url: str, into: IO[bytes], *, sha256: str | None, on_output: Callable[[str], None]) -> None:
        """Fetch `url` into an empty file and compare its digest.

        Raises StepError (url-not-safe, download-failed, hash-mismatch), and CommandInterruptedError.
        """
        if not url.startswith("https://") and sha256 is None:
            raise StepError(
                tr(
                    "{url} is not https and has no known digest, so nothing says that it is the right file.",
                    url=redact(url),
                ),
                code="url-not-safe",
                hint=tr("Name an https address."),
            )
        got = self._fetch(url, into, on_output)
        if sha256 is not None and got != sha256.lower():
            raise StepError(
                tr("{url} is not the file that was expected, so it was not kept.", url=redact(url)),
                code="hash-mismatch",
                evidence=(tr("expected sha256 {expected}, got {found}", expected=sha256.lower(), found=got),),
                hint=tr(
                    "Run again; if it stays so, the server or a cache in between serves a changed file: do not use it."
                ),
            )

    def _fetch(self, url: str, into: IO[bytes], on_output: Callable[[str], None]) -> str:
        for pause in (*self.pauses, None):
            try:
                return self._once(url, into, on_output)
            except FetchError as fault:
                if pause is None or not _may_pass(fault):
                    raise _failed(url, fault) from fault
                on_output(tr("{fault}; trying again in {seconds:g} s", fault=redact(str(fault)), seconds=pause))
                self._wait(pause)
        raise AssertionError("the last try returns or raises")

    def _once(self, url: str, into: IO[bytes], on_output: Callable[[str], None]) -> str:
        import requests
        from urllib3.exceptions import HTTPError
        from urllib3.util.retry import Retry

        from torchup.resolve.offers.faults import blamed, explain, status_fault
        from torchup.resolve.offers.proxies import proxy_for
        from torchup.resolve.offers.web_adapter import PlainAdapter
        from torchup.resolve.offers.web_session import open_session
        from torchup.resolve.offers.web_sockets import OpenSockets

        into.seek(0)
        into.truncate()
        proxy = proxy_for(url, self.settings)
        never = Retry(0, redirect=self.limits.redirects, raise_on_status=False)
        with open_session(PlainAdapter(OpenSockets(), max_retries=never), self.limits) as session:
            try:
                response = session.get(
                    url,
                    proxies={"http": proxy, "https": proxy} if proxy else {},
                    verify=self.settings.ca_bundle or True,
                    timeout=(self.limits.connect_s, self.limits.read_s),
                    headers={"Accept": "*/*", "Accept-Encoding": "identity"},
                    stream=True,
                )
                with contextlib.closing(response):
                    if response.status_code != HTTPStatus.OK:
                        fault = status_fault(response)
                        fault.status = response.status_code
                        raise blamed(fault, url, response.url)
                    size = int(response.headers.get("Content-Length") or 0)
                    return self._copy(response.raw, into, size, on_output)
            except HTTPError as error:
                raise _CutOffError(tr("cut the connection in the middle of the file")) from error
            except requests.RequestException as error:
                raise explain(error, url, self.limits, proxy) from error

    def _copy(self, raw: Any, into: IO[bytes], size: int, on_output: Callable[[str], None]) -> str:
        digest = hashlib.sha256()
        done, told = 0, time.monotonic()
        while part := raw.read(_CHUNK):
            if self.interrupts.count:
                raise CommandInterruptedError
            into.write(part)
            digest.update(part)
            done += len(part)
            if time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                on_output(
                    tr("{done:.1f} of {total:.1f} MiB", done=done / _MIB, total=size / _MIB)
                    if size
                    else f"{done / _MIB:.1f} MiB"
                )
        if size and done < size:
            raise _CutOffError(tr("cut the connection after {done} of {total} bytes", done=done, total=size))
        into.flush()
        return digest.hexdigest()

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.interrupts.count:
                raise CommandInterruptedError
            self.sleep(min(left, 0.2))


def _may_pass(fault: FetchError) -> bool:
    """Tell whether another try can help: a fault of the moment, not of the address, the login or the certificate."""
    import requests
    from urllib3.exceptions import ConnectTimeoutError, ProtocolError, ReadTimeoutError

    if fault.status is not None:
        return fault.status in _PASSING
    if isinstance(fault, _CutOffError):
        return True
    if isinstance(fault.__cause__, requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return False
    silent = (requests.Timeout, ReadTimeoutError, ConnectTimeoutError, ConnectionRefusedError)
    cut = (ProtocolError, ConnectionResetError)
    return any(isinstance(cause, (*silent, *cut)) for cause in _causes(fault))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Walk down to what an exception comes from; the sentences say it too, but in the language of the run."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _failed(url: str, fault: FetchError) -> StepError:
    import requests

    login = fault.status in _LOGIN_WANTED
    certificate = any(
        isinstance(cause, requests.exceptions.SSLError | ssl.SSLCertVerificationError) for cause in _causes(fault)
    )
    hint = tr("Check the network, the proxy (source.proxy) and the address, then run again.")
    if certificate:
        hint = tr("Behind a proxy that inspects TLS, set source.ca_bundle to its certificate.")
    elif login:
        hint = tr("Put the login into pip's or uv's configuration, or into ~/.netrc.")
    code = "certificate" if certificate else "authentication" if login else "download-failed"
    return StepError(
        tr("{url} could not be fetched: {fault}.", url=redact(url), fault=redact(str(fault))),
        code=code,
        evidence=(redact(url),),
        hint=hint,
    )
