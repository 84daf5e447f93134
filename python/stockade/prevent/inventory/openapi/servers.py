"""The base path of an API, from the servers that its document names."""

import re
from urllib.parse import urlsplit

from stockade.prevent.inventory.openapi.documents import Documents
from stockade.prevent.inventory.openapi.place import Place

_VARIABLE = re.compile(r"\{([^{}]*)\}")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]*")


def base_path(documents: Documents, root: Place) -> str | None:
    """The path of the first server, without a trailing `/`; None when there is none or it is no plain path."""
    servers = root.below("servers")
    paths = [_path(documents, server) for server in (servers.items() if servers else [])]
    known = [path for path in paths if path is not None]
    if servers is not None and len(set(known)) > 1:
        hint = "set `base_path` in the config when it is another one"
        documents.warning(servers, f"servers with several paths; `{known[0]}` is taken", hint)
    return known[0] if known else None


def _path(documents: Documents, server: Place) -> str | None:
    url = server.text("url")
    if url is None:
        documents.problem(server, "expected a server with a `url`")
        return None
    variables = server.below("variables")

    def default(match: re.Match[str]) -> str:
        variable = variables.below(match[1]) if variables else None
        return (variable.text("default") if variable else None) or ""

    try:
        path = urlsplit(_VARIABLE.sub(default, url)).path
    except ValueError:
        documents.problem(server, "expected the URL of a server", url)
        return None
    path = "/" + path.removeprefix(".").strip("/")
    if not _PATH.fullmatch(path) or "//" in path or {".", ".."} & set(path.split("/")):
        documents.warning(server, f"the server's path `{path}` is not taken as base path")
        return None
    return path
