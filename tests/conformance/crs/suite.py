"""The regression tests of the OWASP Core Rule Set as data: what is sent, and which rules must and must not match.

The format is that of coreruleset/ftw-tests-schema; how a request is built and judged follows go-ftw's log mode.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, unquote_plus

import yaml

DATA = Path(__file__).parents[4] / "shared" / "data" / "crs"
"""Rules and tests; not part of this repository."""
MISSING = f"expected the Core Rule Set in {DATA}: the rules, and its regression tests below tests/regression/tests"
"""Why tests that need them are skipped."""
_REPEAT = re.compile(r'\{\{ "([^"]*)" \| repeat (\d+) \}\}')

MAIN = """SecRuleEngine DetectionOnly
SecRequestBodyAccess On
SecRequestBodyLimit 13107200
SecRequestBodyNoFilesLimit 131072
SecRequestBodyLimitAction Reject
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml application/json
SecResponseBodyLimit 524288
SecResponseBodyLimitAction ProcessPartial
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\\+|/)|text/)xml" \\
    "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/json" \\
    "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQUEST_HEADERS:X-CRS-Test "@rx ^.*$" \\
    "id:999999,pass,phase:1,log,msg:'X-CRS-Test %{MATCHED_VAR}',ctl:ruleRemoveById=1-999999"
Include {data}/crs-setup.conf.example
SecAction "id:900005,phase:1,nolog,pass,ctl:ruleEngine=DetectionOnly,ctl:ruleRemoveById=910000,\\
    setvar:tx.blocking_paranoia_level=4,setvar:tx.crs_validate_utf8_encoding=1,setvar:tx.arg_name_length=100,\\
    setvar:tx.arg_length=400,setvar:tx.total_arg_length=64000,setvar:tx.max_num_args=255,\\
    setvar:tx.max_file_size=64100,setvar:tx.combined_file_sizes=65535"
Include {data}/rules/*.conf
"""
"""The main file: ModSecurity's recommended settings, what the suite's README asks for, and the rules as they are."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One request and what is expected of it."""

    message: bytes
    expected: dict[str, Any]
    url: str
    body: bytes

    @property
    def log(self) -> dict[str, Any]:
        """What is expected of the log."""
        return self.expected.get("log") or {}


@dataclass(frozen=True, slots=True)
class Case:
    """One test."""

    rule: int
    number: int
    stages: tuple[Stage, ...]

    @property
    def name(self) -> str:
        """As go-ftw names it."""
        return f"{self.rule}-{self.number}"


def main_file(folder: Path) -> Path:
    """Write the main file."""
    file = folder / "main.conf"
    file.write_text(MAIN.replace("{data}", str(DATA)))
    return file


def cases() -> Iterator[Case]:
    """Every test of the suite."""
    for file in sorted((DATA / "tests" / "regression" / "tests").rglob("*.yaml")):
        document = yaml.load(file.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        for test in (document or {}).get("tests") or []:
            stages = tuple(_stage(stage) for stage in test["stages"])
            yield Case(int(document["rule_id"]), int(test["test_id"]), stages)


def _stage(stage: dict[str, Any]) -> Stage:
    sent = stage["input"]
    if sent.get("encoded_request"):
        message = base64.b64decode(sent["encoded_request"])
        return Stage(message, stage["output"], "", b"")
    headers = _headers(sent)
    names = {name.lower(): value for name, value in headers}
    body = _body(sent, names.get("content-type", ""))
    method = sent.get("method") or "GET"
    if sent.get("autocomplete_headers", True):
        if "connection" not in names:
            headers.append(("Connection", "close"))
        if "content-length" not in names and "transfer-encoding" not in names and (body or method in _WITH_BODY):
            headers.append(("Content-Length", str(len(body))))
    uri = sent.get("uri") or "/"
    line = f"{method} {uri} {sent.get('version') or 'HTTP/1.1'}"
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    message = f"{line}\r\n{head}\r\n".encode("utf-8", "surrogateescape") + body
    return Stage(message, stage["output"], uri, body)


_WITH_BODY = {"POST", "PUT", "PATCH"}


def _headers(sent: dict[str, Any]) -> list[tuple[str, str]]:
    if sent.get("ordered_headers"):
        return [(one["name"], str(one["value"])) for one in sent["ordered_headers"]]
    return [(str(name), str(value)) for name, value in (sent.get("headers") or {}).items()]


def _body(sent: dict[str, Any], content_type: str) -> bytes:
    if sent.get("encoded_data"):
        return base64.b64decode(sent["encoded_data"])
    text = _REPEAT.sub(lambda found: found.group(1) * int(found.group(2)), str(sent.get("data") or ""))
    if not sent.get("autocomplete_headers", True):
        return text.encode()
    kind = content_type.lower()
    if kind.startswith("application/x-www-form-urlencoded"):
        return _form(text).encode()
    if kind.startswith("multipart/"):
        return re.sub(r"(?<!\r)\n", "\r\n", text).encode()
    return text.encode()


def _form(text: str) -> str:
    """Escaped where the author left it to the tool, as go-ftw does it."""
    if unquote_plus(text) != text:
        return text
    parts = []
    for part in text.split("&"):
        name, equals, value = part.partition("=")
        parts.append(quote_plus(name) + equals + quote_plus(value))
    return "&".join(parts)
