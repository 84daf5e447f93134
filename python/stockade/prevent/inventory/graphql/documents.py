"""The documents that callers may send: a folder of files, or a manifest of persisted queries."""

import json
from pathlib import Path
from typing import Any

from graphql import GraphQLError, parse

from stockade.prevent.inventory.graphql.problem import from_library, read_text, wrong

_MOST_DOCUMENTS = 20_000


def read_documents(path: Path) -> tuple[list[str], tuple[Path, ...]]:
    """The allowed documents, and the files they stand in.

    Args:
        path: a folder with `.graphql` and `.gql` files (below it, too), or a JSON file: an object of documents by name
            or hash, or `{"operations": [{"body": "..."}]}`.

    Raises:
        GraphqlError: a file cannot be read, or holds no document.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in {".graphql", ".gql"} and file.is_file())
        texts = [(file, read_text(file)) for file in files[: _MOST_DOCUMENTS + 1]]
    else:
        files = [path]
        texts = [(path, text) for text in _manifest(path)]
    if not texts:
        raise wrong(path, "expected documents: `.graphql` files or a manifest", "none")
    if len(texts) > _MOST_DOCUMENTS:
        raise wrong(path, f"expected at most {_MOST_DOCUMENTS} documents", "more")
    for file, text in texts:
        try:
            parse(text, no_location=True)
        except GraphQLError as error:
            raise from_library(file, error) from error
    return [text for _, text in texts], tuple(files)


def _manifest(file: Path) -> list[str]:
    try:
        value: Any = json.loads(read_text(file))
    except ValueError as error:
        raise wrong(file, "expected a JSON object of documents", str(error)) from error
    if isinstance(value, dict) and isinstance(value.get("operations"), list):
        found = [entry.get("body") for entry in value["operations"] if isinstance(entry, dict)]
    elif isinstance(value, dict):
        found = list(value.values())
    else:
        found = [None]
    texts = [text for text in found if isinstance(text, str)]
    if len(texts) != len(found):
        raise wrong(file, "expected a JSON object of documents by name or hash", "something else in it")
    return texts
