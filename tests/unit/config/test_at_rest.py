"""What a config leaves in clear is told, and nothing else is."""

from __future__ import annotations

import pytest

from .conftest import Load

API = "apis: {shop: {upstream: {targets: ['http://h'], set_headers: {%s}}}}"


def warned(load_text: Load, text: str, **environment: str) -> list[str]:
    return [warning.setting for warning in load_text(text, environment).warnings]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("authorization: Bearer abc", ["apis.shop.upstream.set_headers.authorization"]),
        ("x-api-key: abc", ["apis.shop.upstream.set_headers.x-api-key"]),
        ("authorization: 'Bearer ${env:T}'", []),
        ("authorization: {env: T}", []),
        ("x-environment: production", []),
    ],
)
def test_a_secret_in_the_file_itself_is_told(load_text: Load, header: str, expected: list[str]) -> None:
    assert warned(load_text, API % header, T="x") == expected


def test_events_encrypted_in_one_place_alone_are_told(load_text: Load) -> None:
    api = API % ""
    assert warned(load_text, f"gateway: {{spool: {{encrypt: true}}}}\n{api}") == ["events.encrypt"]
    assert warned(load_text, f"events: {{encrypt: true}}\n{api}") == ["gateway.spool.encrypt"]
    assert warned(load_text, f"events: {{encrypt: true}}\ngateway: {{spool: {{encrypt: true}}}}\n{api}") == []
