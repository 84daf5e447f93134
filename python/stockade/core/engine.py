"""The engine: from a recorded exchange to a verdict, with the code and the order of the gateway.

The same plan, state, message and moment give the same verdict, here and in the gateway.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from stockade.core import _native
from stockade.core.errors import StockadeError

MESSAGE_FIELDS = frozenset({"raw", "raw_base64", "method", "url", "headers", "body", "body_base64", "client", "tls"})
"""Members of a message as a JSON object."""


@dataclass(frozen=True, slots=True)
class Message:
    """One request as it came over HTTP/1.1, and where from."""

    raw: bytes
    """Request line, header fields, blank line and body, byte for byte."""
    client: str = "127.0.0.1"
    """Address of the caller."""
    tls: bool = False
    """Whether the connection spoke TLS."""

    @classmethod
    def build(
        cls,
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        client: str = "127.0.0.1",
        tls: bool | None = None,
    ) -> Self:
        """Write a request down as HTTP/1.1.

        `Host` comes from the URL unless it is among the headers, and is `localhost` when there is neither;
        `Content-Length` is added when there is a body and no framing. Everything else stays as it is given, wrong or
        not: judging it is the engine's part.

        Args:
            method: Method.
            url: Absolute URL, or the target alone, such as `/orders?limit=1`.
            headers: Names and values in order.
            body: Body.
            client: Address of the caller.
            tls: Whether the connection spoke TLS; when not said, whether the URL begins with `https:`.

        Raises:
            StockadeError: `engine.input` when a part holds what would end it in HTTP/1.1 (a line break, a blank).
        """
        target, host, secure = _split(url)
        fields = list(headers)
        names = {name.lower() for name, _ in fields}
        if "host" not in names:
            fields.insert(0, ("Host", host or "localhost"))
        if body and not names & {"content-length", "transfer-encoding"}:
            fields.append(("Content-Length", str(len(body))))
        for part, ends in [(method, " \r\n"), (target, " \r\n"), *((name, ":\r\n") for name, _ in fields)]:
            _refuse_ends(part, ends)
        for _, value in fields:
            _refuse_ends(value, "\r\n")
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
        raw = "\r\n".join(lines).encode("utf-8", "surrogateescape") + body
        return cls(raw, client, secure if tls is None else tls)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read a message from a JSON object.

        Args:
            value: `raw` (text) or `raw_base64`; or `method`, `url`, `headers` (a list of pairs, or an object) and
                `body` (text) or `body_base64`. In both cases `client` and `tls`, when they are known.

        Raises:
            StockadeError: `engine.input` when it is none of that.
        """
        if unknown := sorted(set(value) - MESSAGE_FIELDS):
            raise _input(f"unknown member `{unknown[0]}`", f"known are {', '.join(sorted(MESSAGE_FIELDS))}")
        client, tls = str(value.get("client", "127.0.0.1")), value.get("tls")
        if tls is not None and not isinstance(tls, bool):
            raise _input(f"expected `tls` to be true or false, got `{tls}`")
        raw = _bytes(value, "raw")
        if raw is not None:
            return cls(raw, client, bool(tls))
        url = value.get("url")
        if not isinstance(url, str):
            raise _input("expected `url` or `raw`", 'such as {"method": "GET", "url": "/orders?limit=1"}')
        headers = value.get("headers", [])
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        try:
            fields = [(str(name), str(text)) for name, text in pairs]
        except (TypeError, ValueError) as error:
            raise _input("expected `headers` to be an object or a list of pairs") from error
        body = _bytes(value, "body") or b""
        return cls.build(str(value.get("method", "GET")), url, fields, body, client=client, tls=tls)


@dataclass(frozen=True, slots=True)
class Response:
    """What an upstream answered."""

    status: int
    """Status code."""
    headers: tuple[tuple[str, str], ...] = ()
    """Names and values in order."""
    body: bytes = b""
    """Body, without any coding of the transfer."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of a message."""

    event: Mapping[str, Any]
    """The event that the gateway would have written: masked, without response and timing. Has `kind`."""
    canonical: Mapping[str, Any] | None
    """The request as it was read, secrets masked; absent when it could not be read."""
    response_headers: tuple[tuple[str, str], ...] = field(default=())
    """Fields that the response would get."""
    left_over_bytes: int = 0
    """Bytes behind the message; on a live connection they would be read as the next one."""

    @property
    def verdict(self) -> str:
        """`allowed`, `refused` or `would_refuse`."""
        return str(self.event["verdict"])

    @property
    def refusal(self) -> Mapping[str, Any] | None:
        """The refusal that was carried out, or would have been first; `None` when there is none."""
        refusals: list[Mapping[str, Any] | None] = self.event.get("refusals") or [None]
        return refusals[-1] if self.verdict == "refused" else refusals[0]

    @property
    def reason(self) -> str | None:
        """The code of `refusal`."""
        return None if self.refusal is None else str(self.refusal["reason"])


class Engine:
    """A compiled plan, and what it remembers between calls: limits, verified tokens, decisions."""

    def __init__(self, plan: bytes) -> None:
        """Compile a plan.

        Args:
            plan: A plan as JSON, as in a bundle's payload.

        Raises:
            StockadeError: `plan.json` when it is not a plan, `plan.setting` when a setting does not compile.
        """
        self._native = _native.Engine(plan)

    @property
    def version(self) -> int:
        """The version of the plan."""
        return self._native.version

    def explain(self, message: Message, *, now_us: int, response: Response | None = None) -> Judgement:
        """Judge a message, with a note of every stage: what it saw, what it decided and by which setting.

        Args:
            message: The request.
            now_us: The moment it came, microseconds since the epoch.
            response: What the upstream answered, to have that judged too.

        Raises:
            StockadeError: `engine.input` when the message cannot be put to the engine; one that is merely wrong is
                refused instead.
        """
        return self._judge(message, response, now_us, explain=True)

    def check(self, message: Message, *, now_us: int, response: Response | None = None) -> Judgement:
        """As `explain`, but notes have details only where a stage refused, as in the gateway's events."""
        return self._judge(message, response, now_us, explain=False)

    def set_decisions(self, decisions: Iterable[Mapping[str, Any]], *, now_us: int) -> int:
        """Replace all decisions.

        Args:
            decisions: As in `decisions.json`.
            now_us: The present moment, microseconds since the epoch.

        Returns:
            How many are active.

        Raises:
            StockadeError: `decisions.json` or `decisions.selector` when one of them is no decision; then nothing
                changes.
        """
        return self._native.set_decisions(json.dumps(list(decisions)).encode(), now_us)

    def _judge(self, message: Message, response: Response | None, now_us: int, *, explain: bool) -> Judgement:
        circumstances = {
            "client": message.client,
            "tls": message.tls,
            "now_us": now_us,
            "explain": explain,
            "response": None if response is None else {"status": response.status, "headers": response.headers},
        }
        body = b"" if response is None else response.body
        answer = json.loads(self._native.judge(json.dumps(circumstances).encode(), message.raw, body))
        return Judgement(
            event=answer["event"],
            canonical=answer["canonical"],
            response_headers=tuple((name, value) for name, value in answer["response_headers"]),
            left_over_bytes=answer["left_over_bytes"],
        )


def _split(url: str) -> tuple[str, str, bool]:
    """Target, host and whether it is https; the target is not touched."""
    if "://" not in url.split("?", 1)[0]:
        return url, "", False
    scheme, rest = url.split("://", 1)
    end = min((place for place in (rest.find(mark) for mark in "/?#") if place >= 0), default=len(rest))
    target = rest[end:]
    return (target if target.startswith("/") else f"/{target}"), urlsplit(url).netloc, scheme.lower() == "https"


def _refuse_ends(part: str, ends: str) -> None:
    if found := next((mark for mark in ends if mark in part), None):
        raise _input(f"`{part[:80]!r}` holds {found!r}, which would end it", "give the message as `raw` to have it so")


def _bytes(value: Mapping[str, Any], name: str) -> bytes | None:
    coded, text = value.get(f"{name}_base64"), value.get(name)
    if coded is not None:
        try:
            return base64.b64decode(coded, validate=True)
        except (TypeError, ValueError, binascii.Error) as error:
            raise _input(f"expected `{name}_base64` to be base64: {error}") from error
    if text is None:
        return None
    if not isinstance(text, str):
        raise _input(f"expected `{name}` to be text, got `{type(text).__name__}`")
    return text.encode("utf-8", "surrogatepass")


def _input(message: str, hint: str | None = None) -> StockadeError:
    return StockadeError("engine.input", message, hint)
