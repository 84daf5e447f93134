"""Services and message types from a descriptor set (`google/protobuf/descriptor.proto`)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stockade.model.problem import Problem
from stockade.prevent.inventory.grpc.wire import WireError, fields

MOST_BYTES = 64 * 1024 * 1024
"""Largest descriptor set."""
_DEPTH = 50
_REPEATED = 3
_TEXT, _GROUP, _MESSAGE, _BYTES = 9, 10, 11, 12
_FIXED64, _FIXED32 = {1, 6, 16}, {2, 7, 15}


class GrpcError(Exception):
    """A descriptor set that cannot be used; `problems` say why."""

    def __init__(self, file: Path, expected: str, got: str | None = None) -> None:
        self.problems = (Problem("", expected, got, str(file)),)
        super().__init__(str(self.problems[0]))


@dataclass(slots=True)
class Method:
    """One method."""

    path: str
    """Path that it is called by: `/shop.v1.Orders/Get`."""
    input: str
    """Type of what callers send."""
    output: str
    """Type of what it answers."""
    client_streaming: bool
    """Whether callers send more than one message."""
    server_streaming: bool
    """Whether it answers more than one message."""


@dataclass(slots=True)
class Descriptors:
    """What a descriptor set describes."""

    methods: list[Method] = field(default_factory=list)
    """Methods of all services."""
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Message types by full name, as in `GrpcMessagePlan`."""


def read(file: Path) -> Descriptors:
    """Read a descriptor set.

    Args:
        file: a `FileDescriptorSet`, imports included.

    Raises:
        GrpcError: it cannot be read, or is none.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise GrpcError(file, "expected a file that can be read", error.strerror) from error
    if len(data) > MOST_BYTES:
        raise GrpcError(file, f"expected a file of at most {MOST_BYTES} bytes", "a larger one")
    found = Descriptors()
    try:
        for number, value in fields(data):
            if number == 1 and isinstance(value, bytes):
                _file(found, value)
    except (WireError, UnicodeDecodeError) as error:
        raise GrpcError(
            file, "expected a descriptor set, as `protoc --descriptor_set_out` writes it", str(error)
        ) from error
    if not found.methods:
        raise GrpcError(file, "expected a descriptor set with a service", "none")
    missing = sorted({name for name in _named(found) if name not in found.messages})
    if missing:
        raise GrpcError(file, "expected all message types; call protoc with `--include_imports`", f"no `{missing[0]}`")
    return found


def _named(found: Descriptors) -> Iterator[str]:
    yield from (method.input for method in found.methods)
    for message in found.messages.values():
        yield from (one["message"] for one in message["fields"].values() if one["message"] is not None)


def _file(found: Descriptors, data: bytes) -> None:
    parts = list(fields(data))
    package = next((_text(value) for number, value in parts if number == 2), "")
    for number, value in parts:
        if number == 4 and isinstance(value, bytes):
            _message(found, value, package, 0)
        elif number == 6 and isinstance(value, bytes):
            _service(found, value, package)


def _message(found: Descriptors, data: bytes, scope: str, depth: int) -> None:
    if depth > _DEPTH:
        raise WireError("message types too deep within each other")
    parts = list(fields(data))
    name = _within(scope, next((_text(value) for number, value in parts if number == 1), ""))
    plan: dict[str, Any] = {"fields": {}, "is_open": any(number == 5 for number, _ in parts)}
    for number, value in parts:
        if number == 2 and isinstance(value, bytes):
            place, one = _field(value)
            plan["fields"][str(place)] = one
        elif number == 3 and isinstance(value, bytes):
            _message(found, value, name, depth + 1)
    found.messages[name] = plan


def _field(data: bytes) -> tuple[int, dict[str, Any]]:
    parts = dict(fields(data))
    kind = parts.get(5)
    is_message = kind in (_MESSAGE, _GROUP)
    return int(parts.get(3, 0)), {
        "kind": _kind(kind),
        "message": _text(parts.get(6, b"")).removeprefix(".") if is_message else None,
        "repeated": parts.get(4) == _REPEATED,
    }


def _kind(kind: object) -> str:
    named = {_TEXT: "text", _GROUP: "group", _MESSAGE: "message", _BYTES: "bytes"}
    if kind in _FIXED64:
        return "fixed64"
    return "fixed32" if kind in _FIXED32 else named.get(kind, "varint") if isinstance(kind, int) else "varint"


def _service(found: Descriptors, data: bytes, package: str) -> None:
    parts = list(fields(data))
    service = _within(package, next((_text(value) for number, value in parts if number == 1), ""))
    for number, value in parts:
        if number == 2 and isinstance(value, bytes):
            method = dict(fields(value))
            found.methods.append(
                Method(
                    path=f"/{service}/{_text(method.get(1, b''))}",
                    input=_text(method.get(2, b"")).removeprefix("."),
                    output=_text(method.get(3, b"")).removeprefix("."),
                    client_streaming=bool(method.get(5, 0)),
                    server_streaming=bool(method.get(6, 0)),
                )
            )


def _within(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name


def _text(value: int | bytes) -> str:
    if not isinstance(value, bytes):
        raise WireError("a number where a name was expected")
    return value.decode()
