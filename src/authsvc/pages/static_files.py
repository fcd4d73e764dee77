"""The files that the pages need, read once at the start and served from memory by exact name."""

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Self

from fastapi import Request, Response

_MAX_AGE = 3600  # seconds; afterwards the ETag is asked about
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".png": "image/png", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """The content of one file, its media type, and its strong ETag (RFC 9110, section 8.8.3)."""

    body: bytes
    media_type: str
    etag: str

    @classmethod
    def read(cls, source: Traversable) -> Self:
        """Read a file whose name ends in one of the known ways. Blocks."""
        body = source.read_bytes()
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        return cls(body, _MEDIA_TYPES[Path(source.name).suffix], etag)

    def answer(self, request: Request) -> Response:
        """Return the file, or 304 to a client that has it already (RFC 9110, section 13.1.2)."""
        headers = {"Cache-Control": f"public, max-age={_MAX_AGE}", "ETag": self.etag}
        if _names(request.headers.get("if-none-match", ""), self.etag):
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers=headers, media_type=self.media_type)


def site_files() -> Mapping[str, StaticFile]:
    """Return what every page needs, by name. Reads files: call it once."""
    return _read(files("authsvc.pages").joinpath("static"), "site.css", "logo.svg")


def docs_files() -> Mapping[str, StaticFile]:
    """Return what the API docs need, by name: Swagger UI, and the script that starts it. Call it once.

    Swagger UI comes with the package fastapi-swagger. Its files are looked up without importing it: it would
    load code of its own for nothing.

    Raises:
        ModuleNotFoundError: that package is not installed.

    """
    found = importlib.util.find_spec("fastapi_swagger")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("The API docs need the package fastapi-swagger.", name="fastapi_swagger")
    shipped = Path(next(iter(found.submodule_search_locations))) / "resources"
    own = files("authsvc.pages").joinpath("static")
    return {
        **_read(shipped, "swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"),
        **_read(own, "start.js"),
    }


def _read(folder: Traversable, *names: str) -> dict[str, StaticFile]:
    return {name: StaticFile.read(folder.joinpath(name)) for name in names}


def _names(if_none_match: str, etag: str) -> bool:
    """Tell whether the header names ``etag``; weakly, as a GET compares."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return etag in tags or "*" in tags
