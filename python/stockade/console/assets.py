"""Sheets and scripts, read once, under names that change with their content: browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from importlib import resources

from fastapi import APIRouter, HTTPException, Response

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
"""Media types by the end of the name."""


class Assets:
    """The files in `static`."""

    def __init__(self) -> None:
        folder = resources.files("stockade.console").joinpath("static")
        files = {file.name: file.read_bytes() for file in folder.iterdir() if file.name.rpartition(".")[2] in TYPES}
        # Scripts name each other, so one name stands for all of them.
        digest = hashlib.sha256()
        for name in sorted(files):
            digest.update(name.encode() + b"\0" + files[name])
        self._version = digest.hexdigest()[:16]
        self._files = files

    def url(self, name: str) -> str:
        """Where a file is."""
        return f"/assets/{self._version}/{name}"

    def routes(self) -> APIRouter:
        """The route that gives them."""
        router = APIRouter(include_in_schema=False)

        @router.get("/assets/{version}/{name}", operation_id="asset")
        def asset(version: str, name: str) -> Response:
            """One file."""
            content = self._files.get(name)
            if content is None:
                raise HTTPException(404, "no such file")
            kept = "public, max-age=31536000, immutable" if version == self._version else "no-store"
            kind = TYPES[name.rpartition(".")[2]]
            return Response(content, media_type=kind, headers={"cache-control": kept})

        return router
