"""The running store as the command `survey` speaks to it: its HTTP API on this machine."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.error
import urllib.request
from typing import Any, TypeVar

import msgspec

from edge.settings import Settings, is_loopback
from protocols.codec import to_json
from protocols.errors import EndcapError, NotNow

WAIT_S = 10.0

ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
"""Where to speak to a store that listens everywhere."""

T = TypeVar("T")


class Refused(EndcapError):
    """The store said no; the reason is its own sentence."""

    code = "refused"


class Remote:
    """One store, spoken to over HTTP. Raises NotNow if none answers, Refused with what it says."""

    def __init__(self, settings: Settings) -> None:
        self._at = settings.http
        self.url = f"http://{_bracketed(ANY.get(self._at.host, self._at.host))}:{self._at.port}"

    def ask(self, kind: type[T], method: str, path: str, body: object = None) -> T:
        """One request, its answer typed."""
        data = None if body is None else to_json(body)
        request = urllib.request.Request(self.url + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
                return msgspec.json.decode(answer.read(), type=kind)
        except urllib.error.HTTPError as error:
            raise Refused(_detail(error)) from None
        except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
            why = getattr(error, "reason", error)
            raise NotNow(f"No store answers at {self.url}: {why}. Start it: endcap-store run") from None

    def page(self) -> tuple[str, str]:
        """The address of the phone page, and what keeps a phone from it; the latter is empty if nothing does."""
        host = self._at.host
        if is_loopback(host):
            hint = (
                f'This store listens on {host} alone, so no phone reaches it. Set host = "0.0.0.0" and '
                "edit = true in [http] while you survey, and start it again."
            )
            return f"{self.url}/survey", hint
        if host in ANY:
            host = _outer_address() or socket.gethostname()
        return f"http://{_bracketed(host)}:{self._at.port}/survey", ""


def _outer_address() -> str:
    """The address that this machine has in its network. Asks the routing table; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(
                ("192.0.2.1", 9)
            )  # an address for documents (RFC 5737): it only chooses the interface
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        said: Any = json.loads(error.read())
        return str(said["detail"])
    except (ValueError, LookupError, TypeError, OSError):
        return f"It answers {error.code}: another program, or it is stopping."
