"""Settings of certificates, orders and protection that do not make sense are told."""

from __future__ import annotations

import pytest

from .conftest import Load, Problems

LISTEN = "gateway: {listen: [{address: '127.0.0.1:1', tls: {certificates: [%s]%s}}]}\napis: {a: {upstream: 'http://h'}}"
RULE = "apis: {a: {upstream: 'http://h', protect: {rules: [%s]}}}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (LISTEN % ("{acme: [a.example]}", ""), "the section `acme`"),
        (LISTEN % ("{acme: ['*.example']}", ""), "a domain name"),
        (LISTEN % ("{acme: ['192.0.2.1']}", ""), "a domain name"),
        (LISTEN % ("{acme: [a.example], key_file: x}", ""), "or `acme`"),
        (LISTEN % ("{certificate_file: x}", ""), "or `acme`"),
        ("acme: {terms_agreed: false}\n" + RULE % "", "terms_agreed: true"),
        ("acme: {terms_agreed: true, directory: 'http://a'}\n" + RULE % "", "^https://"),
        (LISTEN % ("{acme: [a.example]}", ", client_certificates: {mode: required}"), "`ca_file`"),
        (LISTEN % ("{acme: [a.example]}", ", client_certificates: {ca_file: nowhere.pem}"), "can be read"),
        (RULE % "{name: r}", "`fields` or `classes`"),
        (RULE % "{name: r, fields: ['a..b']}", "name or place of a field"),
        (RULE % "{name: r, fields: ['a[0]']}", "name or place of a field"),
        (RULE % "{name: r, fields: [a], action: remove, keep_last: 4}", "`action: mask`"),
        (RULE % "{name: r, classes: [shoe]}", "`card`"),
        (RULE % "{name: r, fields: [a], where: []}", "1 or more"),
    ],
)
def test_what_does_not_make_sense_is_told(problems: Problems, text: str, told: str) -> None:
    assert any(told in str(problem) for problem in problems(text)), [str(problem) for problem in problems(text)]


def test_client_certificates_that_are_off_need_nothing(load_text: Load) -> None:
    text = "acme: {terms_agreed: true}\n" + LISTEN % ("{acme: [a.example]}", ", client_certificates: {mode: off}")
    clients = load_text(text).config.gateway.listen[0].tls
    assert clients is not None
    assert clients.client_certificates is not None
    assert clients.client_certificates.mode == "off"
