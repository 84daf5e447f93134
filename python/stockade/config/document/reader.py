"""Reads a file or a text as YAML or JSON, whichever it is."""

from pathlib import Path

from stockade.config.document import json_reader, yaml_reader
from stockade.config.document.node import DocumentError, Limits, Node
from stockade.model.problem import Problem


def read_file(path: Path, shown_as: str, limits: Limits | None = None) -> Node:
    """Read a YAML or JSON file.

    Args:
        path: the file.
        shown_as: its name in problems.
        limits: caps; the defaults are those of a config file.

    Raises:
        DocumentError: the file cannot be read, is too large, or is not well-formed.
    """
    limits = limits or Limits()
    try:
        with path.open("rb") as file:
            data = file.read(limits.file_bytes + 1)
    except OSError as error:
        hint = "check the path and the permissions of the file"
        raise DocumentError(
            Problem("", "expected a file that can be read", error.strerror, shown_as, hint=hint)
        ) from error
    if len(data) > limits.file_bytes:
        expected = f"expected a file of at most {limits.file_bytes} bytes"
        raise DocumentError(Problem("", expected, "a larger one", shown_as, hint="split it into several files"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError(
            Problem(
                "", "expected UTF-8 text", f"byte 0x{data[error.start]:02x}", shown_as, line, "save the file as UTF-8"
            )
        ) from error
    return read_text(text, shown_as, limits)


def read_text(text: str, shown_as: str, limits: Limits | None = None) -> Node:
    """Read a YAML or JSON text; one that begins with `{` is read as JSON first.

    Raises:
        DocumentError: the text is not well-formed or exceeds a cap.
    """
    limits = limits or Limits()
    # YAML's flow style also begins with `{`, so JSON that fails is given to the YAML reader when no file of that
    # name would be JSON.
    if text.lstrip()[:1] == "{":
        try:
            return json_reader.read(text, shown_as, limits)
        except DocumentError:
            if shown_as.endswith(".json"):
                raise
    return yaml_reader.read(text, shown_as, limits)
