"""How the web says no: RFC 9457 problems with a sentence on what to do, each counted by its reason."""

from __future__ import annotations

from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from protocols.api import Problem
from protocols.codec import to_json
from protocols.errors import EndcapError, Nonsense, NotNow, Parked

log = structlog.get_logger()

PROBLEM_JSON = "application/problem+json"


class Unknown(Nonsense):
    """The thing named in the path does not exist here."""

    code = "unknown"
    status = 404


class WrongType(Nonsense):
    """A body that does not say it is JSON. Browsers send such bodies across sites without asking first."""

    code = "wrong_content_type"
    status = 415


class TooSlow(Nonsense):
    """The body did not arrive in time."""

    code = "too_slow"
    status = 408


class Counts:
    """The web's own figures. One per app, on the registry that the store shows at /metrics."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.refused = Counter(
            "endcap_http_refused", "HTTP requests refused, by reason.", ["reason"], registry=registry
        )
        self.frames_refused = Counter(
            "endcap_ws_refused",
            "WebSockets closed for what they sent, by reason.",
            ["reason"],
            registry=registry,
        )
        self.pages_open = Gauge("endcap_ws_open", "Pages that listen now.", ["page"], registry=registry)
        self.till_seconds = Histogram(
            "endcap_till_seconds",
            "From a sale's last byte to its verdict.",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 3.0),
            registry=registry,
        )


_WORDS = {
    401: ("unauthorised", "Sign in first."),
    404: ("unknown", "There is nothing at this address. The list of addresses is at /schema."),
    405: ("wrong_method", "This address does not take that method. The list of addresses is at /schema."),
    413: ("too_large", "The body is over {limit} bytes. Send less, or in several requests."),
}
"""What the framework refuses by itself, in our words."""


def _said(error: HTTPException) -> str:
    """What the framework found wrong with the path or the query, field by field."""
    found = error.extra if isinstance(error.extra, list) else []
    parts = [f"{one.get('key', '')}: {one.get('message', '')}" for one in found if isinstance(one, dict)]
    return f"{'; '.join(parts)}. Addresses are described at /schema." if parts else str(error.detail)


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> Response[bytes]:
    """A problem as a response."""
    body = Problem(title=code.replace("_", " "), status=status, detail=detail, code=code)
    return Response(content=to_json(body), status_code=status, media_type=PROBLEM_JSON, headers=headers or {})


def handlers(counts: Counts) -> dict[type[Exception] | int, Any]:
    """What becomes of each exception that leaves a handler."""

    def ours(_: Request[Any, Any, Any], error: EndcapError) -> Response[bytes]:
        counts.refused.labels(error.code).inc()
        headers = {}
        if isinstance(error, NotNow) and not isinstance(
            error, Parked
        ):  # a parked step would only throw again
            headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
        return problem(error.status, error.code, error.reason, headers)

    def framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
        code, detail = _WORDS.get(error.status_code, ("nonsense", _said(error)))
        if error.status_code == 413:  # each door has its own limit
            detail = detail.format(limit=request.route_handler.resolve_request_max_body_size())
        counts.refused.labels(code).inc()
        allowed = dict(error.headers or {})
        return problem(error.status_code, code, detail, {k: v for k, v in allowed.items() if k == "Allow"})

    def bug(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        counts.refused.labels("bug").inc()
        # The route, not the address that was asked for: that may name a device.
        log.error("web handler threw", route=request.scope["path_template"], exc_info=error)
        return problem(
            500, "bug", "The store's web broke on this request. Send it again under the same operation id."
        )

    return {EndcapError: ours, HTTPException: framework, Exception: bug}
