"""Descriptor sets are read; what is none is told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stockade.prevent.inventory.grpc.descriptors import GrpcError, read
from stockade.prevent.inventory.grpc.wire import WireError, fields


def text(number: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    length = bytes([len(data)]) if len(data) < 128 else bytes([len(data) & 0x7F | 0x80, len(data) >> 7])
    return bytes([number << 3 | 2]) + length + data


def number(place: int, value: int) -> bytes:
    return bytes([place << 3, value])


def field(name: str, place: int, kind: int, message: str = "", label: int = 1) -> bytes:
    named = text(6, message) if message else b""
    return text(2, text(1, name) + number(3, place) + number(4, label) + number(5, kind) + named)


INNER = text(3, text(1, "Line") + field("sku", 1, 9) + field("price", 2, 1))
ORDER = text(4, text(1, "Order") + field("id", 1, 3) + field("lines", 2, 11, ".shop.Order.Line", 3) + INNER)
GET = text(2, text(1, "Get") + text(2, ".shop.Order") + text(3, ".shop.Order"))
WATCH = text(2, text(1, "Watch") + text(2, ".shop.Order") + text(3, ".shop.Order") + number(5, 1) + number(6, 1))
SERVICE = text(6, text(1, "Orders") + GET + WATCH)
SET = text(1, text(1, "shop.proto") + text(2, "shop") + ORDER + SERVICE)


def test_services_and_messages_are_read(tmp_path: Path) -> None:
    file = tmp_path / "shop.binpb"
    file.write_bytes(SET)
    found = read(file)
    assert [(method.path, method.client_streaming) for method in found.methods] == [
        ("/shop.Orders/Get", False),
        ("/shop.Orders/Watch", True),
    ]
    assert found.messages["shop.Order"]["fields"] == {
        "1": {"kind": "varint", "message": None, "repeated": False},
        "2": {"kind": "message", "message": "shop.Order.Line", "repeated": True},
    }
    assert found.messages["shop.Order.Line"]["fields"]["2"]["kind"] == "fixed64"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\xff", "descriptor set"),
        (b"", "with a service"),
        (text(1, text(2, "shop") + SERVICE), "include_imports"),
    ],
)
def test_what_is_no_descriptor_set_is_told(tmp_path: Path, data: bytes, problem: str) -> None:
    file = tmp_path / "shop.binpb"
    file.write_bytes(data)
    with pytest.raises(GrpcError, match=problem):
        read(file)
    with pytest.raises(GrpcError, match="can be read"):
        read(tmp_path / "missing")


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail_in_another_way(data: bytes) -> None:
    try:
        list(fields(data))
    except WireError:
        return
