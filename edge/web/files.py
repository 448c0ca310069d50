"""The pages' files: read once, served from memory by exact name, so that no path ever reaches the disk.

The service worker is told the names and one digest of them all: a new release is a new cache.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files as package_files
from importlib.resources.abc import Traversable
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from edge.web.refusals import Unknown
from protocols.codec import to_json

_KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}


class Files:
    """Every file of `edge/web/pages`, with its entity tag."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str, str]] = {}
        self._read(package_files("edge.web").joinpath("pages"), "")
        whole = hashlib.blake2b(digest_size=8)
        for name, (body, _, _) in sorted(self._files.items()):
            whole.update(name.encode() + b"\0" + body)
        self.digest = whole.hexdigest()

    def names(self) -> list[str]:
        """Names of all files, sorted."""
        return sorted(self._files)

    def page(self, name: str, request: Request[Any, Any, Any]) -> Response[bytes]:
        """The file, or 304 if the browser has it. Raises Unknown."""
        found = self._files.get(name)
        if found is None:
            raise Unknown("There is no such file.")
        return _answer(*found, request)

    def worker(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """The service worker, with what it should keep."""
        keeps = [f"/pages/{name}" for name in self.names() if not name.endswith((".html", "worker.js"))]
        shell = to_json({"digest": self.digest, "files": keeps})
        body = b"const SHELL = " + shell + b";\n" + self._files["worker.js"][0]
        return _answer(body, _KINDS["js"], _tag(body), request)

    def _read(self, folder: Traversable, prefix: str) -> None:
        for entry in folder.iterdir():
            name = prefix + entry.name
            if entry.is_dir():
                self._read(entry, name + "/")
            elif (kind := _KINDS.get(entry.name.rpartition(".")[2])) is not None:
                body = entry.read_bytes()
                self._files[name] = (body, kind, _tag(body))


def file_routes(files: Files) -> list[BaseRouteHandler]:
    """GET /pages/<name> and the few files that browsers want at the root."""

    @get("/pages/{name:path}", include_in_schema=False)
    async def file(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        return files.page(str(name).lstrip("/"), request)

    @get("/worker.js", include_in_schema=False)
    async def worker(request: Request[Any, Any, Any]) -> Response[bytes]:
        return files.worker(request)

    @get("/favicon.ico", include_in_schema=False)
    async def icon(request: Request[Any, Any, Any]) -> Response[bytes]:
        return files.page("icon.svg", request)

    return [file, worker, icon]


def _tag(body: bytes) -> str:
    return '"' + hashlib.blake2b(body, digest_size=8).hexdigest() + '"'


def _answer(body: bytes, kind: str, tag: str, request: Request[Any, Any, Any]) -> Response[bytes]:
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(content=b"", status_code=304, headers=headers, media_type=kind)
    return Response(content=body, status_code=200, headers=headers, media_type=kind)
