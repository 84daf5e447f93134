"""Attacks on HTTP itself, byte by byte."""

from collections.abc import Iterator

from stockade.sample.traffic.call import Call
from stockade.sample.traffic.visitor import Visitor
from stockade.sample.traffic.wallet import Wallet

_HOST = b"Host: shop.example\r\n"
_HIDDEN = b"GET /admin/stats HTTP/1.1\r\n" + _HOST + b"\r\n"


def smuggling(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """A second request hidden in the first (RFC 9112 11.2)."""
    both = b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + _HIDDEN
    yield visitor.send("length and chunked", b"POST /sessions HTTP/1.1\r\n" + _HOST + both, 400)
    twice = b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + _HIDDEN
    yield visitor.send("coding twice", b"POST /sessions HTTP/1.1\r\n" + _HOST + twice, (400, 501))
    lengths = b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + _HIDDEN
    yield visitor.send("two lengths", b"POST /sessions HTTP/1.1\r\n" + _HOST + lengths, 400)
    spaced = b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + _HIDDEN
    yield visitor.send("space before the colon", b"POST /sessions HTTP/1.1\r\n" + _HOST + spaced, 400)
    bare = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n"
    yield visitor.send("bare line ends in chunks", b"POST /sessions HTTP/1.1\r\n" + _HOST + bare, 400)


def malformed(visitor: Visitor, wallet: Wallet) -> Iterator[Call]:
    """Heads that no two servers read alike."""
    yield visitor.send("two hosts", b"GET /products HTTP/1.1\r\n" + _HOST + b"Host: evil.example\r\n\r\n", 400)
    yield visitor.send("no host", b"GET /products HTTP/1.1\r\n\r\n", 400)
    yield visitor.send("folded line", b"GET /products HTTP/1.1\r\n" + _HOST + b"X-A: b\r\n c\r\n\r\n", 400)
    yield visitor.send("NUL in a field", b"GET /products HTTP/1.1\r\n" + _HOST + b"X-A: b\0c\r\n\r\n", 400)
    yield visitor.send(
        "huge field", b"GET /products HTTP/1.1\r\n" + _HOST + b"X-A: " + b"a" * 60_000 + b"\r\n\r\n", 431
    )
    target = b"GET /products?q=" + b"a" * 20_000 + b" HTTP/1.1\r\n" + _HOST + b"\r\n"
    yield visitor.send("huge target", target, 414)
