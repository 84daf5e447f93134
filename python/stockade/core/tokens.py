"""Tokens that field protection puts in place of values, and the values behind them."""

from stockade.core import _native

KEY_BYTES = 32
"""Length of a key."""


def reveal(key: bytes, token: str) -> str | None:
    """The value of a token; None when no token has that shape.

    Any text of that shape gives a value: nothing tells whether it was a token.

    Args:
        key: 32 bytes.
        token: as it stood in an event or a response.

    Raises:
        StockadeError: `tokens.key` when the key has another length.
    """
    return _native.reveal_token(key, token)


def make(key: bytes, value: str) -> str | None:
    """The token of a value, by which it is found in events; None when it cannot be one.

    Args:
        key: 32 bytes.
        value: at least a million possibilities, at most 256 bytes, no letters beyond ASCII.

    Raises:
        StockadeError: `tokens.key` when the key has another length.
    """
    return _native.make_token(key, value)
