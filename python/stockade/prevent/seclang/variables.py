"""Variables: what a rule looks at. `ARGS|!ARGS:token|&REQUEST_HEADERS:Host` becomes a list of targets."""

from dataclasses import dataclass
from typing import Any

from stockade.prevent.seclang.pattern import translate
from stockade.prevent.seclang.problem import Place, close_to, refused

MAPS = frozenset(
    [
        "ARGS",
        "ARGS_GET",
        "ARGS_NAMES",
        "ARGS_GET_NAMES",
        "ARGS_POST",
        "ARGS_POST_NAMES",
        "REQUEST_HEADERS",
        "REQUEST_HEADERS_NAMES",
        "REQUEST_COOKIES",
        "REQUEST_COOKIES_NAMES",
        "RESPONSE_HEADERS",
        "RESPONSE_HEADERS_NAMES",
        "FILES",
        "GEO",
        "FILES_NAMES",
        "FILES_SIZES",
        "FILES_TMPNAMES",
        "FILES_TMP_CONTENT",
        "MULTIPART_FILENAME",
        "MULTIPART_NAME",
        "MULTIPART_PART_HEADERS",
        "XML",
        "TX",
        "IP",
        "GLOBAL",
        "SESSION",
        "USER",
        "RESOURCE",
        "ENV",
        "MATCHED_VARS",
        "MATCHED_VARS_NAMES",
        "RULE",
    ]
)
"""Collections with keys."""

SCALARS = frozenset(
    [
        "ARGS_COMBINED_SIZE",
        "AUTH_TYPE",
        "DURATION",
        "FILES_COMBINED_SIZE",
        "FULL_REQUEST",
        "FULL_REQUEST_LENGTH",
        "HIGHEST_SEVERITY",
        "INBOUND_DATA_ERROR",
        "MATCHED_VAR",
        "MATCHED_VAR_NAME",
        "MODSEC_BUILD",
        "MSC_PCRE_ERROR",
        "MSC_PCRE_LIMITS_EXCEEDED",
        "MULTIPART_BOUNDARY_QUOTED",
        "MULTIPART_BOUNDARY_WHITESPACE",
        "MULTIPART_CRLF_LF_LINES",
        "MULTIPART_DATA_AFTER",
        "MULTIPART_DATA_BEFORE",
        "MULTIPART_FILE_LIMIT_EXCEEDED",
        "MULTIPART_HEADER_FOLDING",
        "MULTIPART_INVALID_HEADER_FOLDING",
        "MULTIPART_INVALID_PART",
        "MULTIPART_INVALID_QUOTING",
        "MULTIPART_LF_LINE",
        "MULTIPART_MISSING_SEMICOLON",
        "MULTIPART_SEMICOLON_MISSING",
        "MULTIPART_STRICT_ERROR",
        "MULTIPART_UNMATCHED_BOUNDARY",
        "OUTBOUND_DATA_ERROR",
        "PATH_INFO",
        "QUERY_STRING",
        "REMOTE_ADDR",
        "REMOTE_HOST",
        "REMOTE_PORT",
        "REMOTE_USER",
        "REQBODY_ERROR",
        "REQBODY_ERROR_MSG",
        "REQBODY_PROCESSOR",
        "REQBODY_PROCESSOR_ERROR",
        "REQBODY_PROCESSOR_ERROR_MSG",
        "REQUEST_BASENAME",
        "REQUEST_BODY",
        "REQUEST_BODY_LENGTH",
        "REQUEST_FILENAME",
        "REQUEST_LINE",
        "REQUEST_METHOD",
        "REQUEST_PROTOCOL",
        "REQUEST_URI",
        "REQUEST_URI_RAW",
        "RESPONSE_BODY",
        "RESPONSE_CONTENT_LENGTH",
        "RESPONSE_CONTENT_TYPE",
        "RESPONSE_PROTOCOL",
        "RESPONSE_STATUS",
        "SERVER_ADDR",
        "SERVER_NAME",
        "SERVER_PORT",
        "SESSIONID",
        "STATUS_LINE",
        "TIME",
        "TIME_DAY",
        "TIME_EPOCH",
        "TIME_HOUR",
        "TIME_MIN",
        "TIME_MON",
        "TIME_SEC",
        "TIME_WDAY",
        "TIME_YEAR",
        "UNIQUE_ID",
        "URLENCODED_ERROR",
        "USERID",
        "WEBAPPID",
    ]
)
"""Variables with one value."""

ALIASES = {
    "MULTIPART_SEMICOLON_MISSING": "MULTIPART_MISSING_SEMICOLON",
    "STATUS": "RESPONSE_STATUS",
}
"""Second names of some."""

XML_PATHS = {"/*", "//@*"}
"""The XPath expressions that are understood: all text, all attribute values."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that a rule looks at, or that it leaves out."""

    collection: str
    """Name in upper case."""
    key: str | None = None
    """Key, compared without regard to case; None for all."""
    pattern: str | None = None
    """Pattern that keys must fit, instead of a key."""
    exclude: bool = False
    """`!`: left out."""
    count: bool = False
    """`&`: how many there are, instead of their values."""

    def to_plan(self) -> dict[str, Any]:
        """As in `TargetPlan`, short where nothing special is said."""
        plan: dict[str, Any] = {"collection": self.collection}
        if self.key is not None:
            plan["key"] = self.key
        if self.pattern is not None:
            plan["pattern"] = self.pattern
        if self.exclude:
            plan["exclude"] = True
        if self.count:
            plan["count"] = True
        return plan


def collection_named(name: str, place: Place) -> str:
    """The collection or variable of that name.

    Raises:
        SecLangError: there is none.
    """
    upper = ALIASES.get(name.upper(), name.upper())
    if upper in MAPS or upper in SCALARS:
        return upper
    raise refused(place, "variable", "expected a variable", name, close_to(name, MAPS | SCALARS))


def parse(text: str, place: Place) -> list[Target]:
    """Parse the first argument of `SecRule`.

    Raises:
        SecLangError: a variable does not exist or is written wrong.
    """
    targets = [_target(part, place) for part in _split(text, place)]
    if not targets:
        raise refused(place, "SecRule", "expected a variable", text)
    return targets


def _split(text: str, place: Place) -> list[str]:
    """Parts between `|`, with `/patterns/` and `'quoted keys'` whole."""
    parts: list[str] = []
    at = 0
    while at < len(text):
        start = at
        colon_seen = False
        while at < len(text):
            character = text[at]
            if character == "|":
                break
            if colon_seen and character in "/'" and text[at - 1] == ":" and not _is_xml(text[start:at]):
                at = _closing(text, at, character, place)
                continue
            if colon_seen and text.startswith("'/", at) and text[at - 1] == ":":
                at = _closing(text, at, "'", place)
                continue
            colon_seen = colon_seen or character == ":"
            at += 1
        part = text[start:at].strip()
        if part:
            parts.append(part)
        at += 1
    return parts


def _is_xml(text: str) -> bool:
    return text.lstrip("!&").upper().startswith("XML:")


def _closing(text: str, start: int, quote: str, place: Place) -> int:
    at = start + 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == quote:
            return at + 1
        else:
            at += 1
    raise refused(place, "variable", f"expected a closing `{quote}`", text[start : start + 60])


def _target(part: str, place: Place) -> Target:
    exclude = part.startswith("!")
    count = part.startswith("&")
    name, separator, key = part.lstrip("!&").partition(":")
    collection = collection_named(name.strip(), place)
    if not separator:
        return Target(collection, exclude=exclude, count=count)
    if collection in SCALARS:
        raise refused(place, "variable", f"expected no key for `{collection}`, which has one value", part)
    key = key.strip()
    if collection == "XML":
        if key not in XML_PATHS:
            hint = "text and attributes of the whole document are `XML:/*` and `XML://@*`"
            raise refused(place, "variable", "expected an XPath of `/*` or `//@*`", key, hint)
        return Target(collection, key, exclude=exclude, count=count)
    if len(key) > 1 and key.startswith("'") and key.endswith("'"):
        key = key[1:-1]
    if len(key) > 1 and key.startswith("/") and key.endswith("/"):
        pattern = translate(key[1:-1].replace("\\/", "/"))
        return Target(collection, pattern=f"(?i){pattern}", exclude=exclude, count=count)
    return Target(collection, key.lower(), exclude=exclude, count=count)
