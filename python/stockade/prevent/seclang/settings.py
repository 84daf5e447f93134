"""Directives that set how rules are run: bodies, limits, modes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stockade.model.problem import Problem, Severity
from stockade.prevent.seclang.actions import engine_mode
from stockade.prevent.seclang.lexer import Directive
from stockade.prevent.seclang.problem import Place, refused
from stockade.prevent.seclang.reader import Reader

EVENTS = "events take the place of its logs"
FILES = "uploads are judged in memory and never written to a disk"
NO_EFFECT = {
    "secauditengine": EVENTS, "secauditlog": EVENTS, "secauditlog2": EVENTS, "secauditlogparts": EVENTS,
    "secauditlogtype": EVENTS, "secauditlogformat": EVENTS, "secauditlogstoragedir": EVENTS,
    "secauditlogrelevantstatus": EVENTS, "secauditlogdirmode": EVENTS, "secauditlogfilemode": EVENTS,
    "secauditlogprefix": EVENTS, "secdebuglog": EVENTS, "secdebugloglevel": EVENTS, "secguardianlog": EVENTS,
    "sectmpdir": FILES, "secuploaddir": FILES, "secuploadkeepfiles": FILES, "secuploadfilemode": FILES,
    "secdatadir": "collections are kept in memory, bounded",
    "secrequestbodyinmemorylimit": FILES,
    "secstatusengine": "nothing is reported to anybody",
    "seccomponentsignature": "nothing but a name in ModSecurity's own log",
    "secserversignature": "set `response.remove_headers` to take the field out",
    "secconnengine": "the gateway's own limits on connections apply",
    "secreadstatelimit": "the gateway's own limits on connections apply",
    "secwritestatelimit": "the gateway's own limits on connections apply",
    "secpcrematchlimit": "patterns run in linear time, or with a bound of their own",
    "secpcrematchlimitrecursion": "patterns run in linear time, or with a bound of their own",
    "seccacheTransformations".lower(): "transformed values are always cached",
    "seccollectiontimeout": "", "secinterceptonerror": "the API's fail modes apply",
    "secxmlexternalentity": "external entities are never read",
    "secdisablebackendcompression": "answers are read as they come",
    "sechashengine": "answers are not changed", "secrulePerfTime".lower(): "`stockade rules time` measures rules",
    "seccontentinjection": "answers are not changed",
    "secstreaminbodyinspection": "the request is not changed by rules",
    "secstreamoutbodyinspection": "answers are not changed by rules",
    "sechashkey": "answers are not changed", "sechashparam": "answers are not changed",
    "sechashmethodrx": "answers are not changed", "sechashmethodpm": "answers are not changed",
    "secconnreadstatelimit": "the gateway's own limits on connections apply",
    "secconnwritestatelimit": "the gateway's own limits on connections apply",
    "sectmpsaveuploadedfiles": FILES,
    "secrxprefilter": "patterns are always filtered first",
    "secgeolookupdb": "`@geoLookup` never matches here",
    "sechttpblkey": "`@rbl` never matches here",
}  # fmt: skip
"""Directives that are read and do nothing here, with the reason; each is told as a warning once."""
del NO_EFFECT["seccollectiontimeout"]

REFUSED = {
    "secremoterules": "loads rules from elsewhere; fetch them and name the file",
    "secremoterulesfailaction": "loads rules from elsewhere; fetch them and name the file",
    "secgsblookupdb": "needs a service that was shut down",
    "secchrootdir": "moves the process; run Stockade in a container instead",
    "secrulescript": "runs Lua; write the check as a rule",
    "secruleinheritance": "is of virtual hosts; give each API its own files",
}
"""Directives that are refused, with the reason."""


@dataclass(slots=True)
class Settings:
    """Settings with the defaults of ModSecurity, but that rules run and see request bodies unless told otherwise."""

    plan: dict[str, Any] = field(
        default_factory=lambda: {
            "engine": "on",
            "request_body": True,
            "request_body_limit": 134_217_728,
            "request_body_no_files_limit": 1_048_576,
            "request_body_refuse": True,
            "response_body": False,
            "response_body_limit": 524_288,
            "response_body_refuse": True,
            "response_media_types": ["text/plain", "text/html"],
            "json_depth": 512,
            "arguments": 5000,
            "argument_separator": "&",
            "upload_files": 100,
            "collection_timeout_s": 3600,
            "unicode_map": [],
        }
    )
    """As the fields of `SecLangPlan`."""
    warnings: dict[str, Problem] = field(default_factory=dict)
    """Directives that do nothing here."""
    code_page: int = 20127
    """Code page of the Unicode map."""

    def take(self, directive: Directive, reader: Reader, folder: Path) -> bool:
        """Take a directive; answers whether it is one of these.

        Raises:
            SecLangError: its value is wrong, or it is refused.
        """
        name = directive.name.lower()
        place = directive.place
        if name in NO_EFFECT:
            what = f"`{directive.name}` has no effect: {NO_EFFECT[name]}"
            problem = Problem(directive.name, what, None, place.file, place.line, severity=Severity.WARNING)
            self.warnings.setdefault(name, problem)
            return True
        if name in REFUSED:
            raise refused(place, directive.name, f"expected a directive that is run here: it {REFUSED[name]}")
        if name == "secunicodemapfile":
            self._unicode_map(directive, reader, folder)
            return True
        if name not in _VALUES:
            return False
        setting, read = _VALUES[name]
        if not directive.arguments and not name.endswith("clear"):
            raise refused(place, directive.name, "expected a value")
        value = read(" ".join(directive.arguments), place)
        if setting == "response_media_types" and name.endswith("mimetype"):
            value = list(dict.fromkeys(value))
        if setting:
            self.plan[setting] = value
        return True

    def _unicode_map(self, directive: Directive, reader: Reader, folder: Path) -> None:
        arguments = directive.arguments
        if not 1 <= len(arguments) <= 2:
            raise refused(directive.place, directive.name, "expected a file and a code page")
        page = arguments[1] if len(arguments) == 2 else "20127"
        text = reader.text(folder / arguments[0], directive.place)
        lines = iter(text.split("\n"))
        for line in lines:
            if line.split(" ")[0].strip() != page:
                continue
            pairs: list[list[int]] = []
            for below in lines:
                words = below.split()
                if not words or ":" not in words[0]:
                    break
                for word in words:
                    code, _, byte = word.partition(":")
                    try:
                        pairs.append([int(code, 16), int(byte, 16) & 0xFF])
                    except ValueError as error:
                        raise refused(
                            directive.place, directive.name, "expected `code:byte` in the map", word
                        ) from error
            self.plan["unicode_map"] = [pair for pair in pairs if pair[0] < 0x10000]
            return
        raise refused(directive.place, directive.name, f"expected code page `{page}` in `{arguments[0]}`")


def _switch(value: str, place: Place) -> bool:
    if value.lower() not in {"on", "off"}:
        raise refused(place, "", "expected `On` or `Off`", value)
    return value.lower() == "on"


def _bytes(value: str, place: Place) -> int:
    if not value.isdigit():
        raise refused(place, "", "expected a number", value)
    return int(value)


def _refuses(value: str, place: Place) -> bool:
    if value.lower() not in {"reject", "processpartial"}:
        raise refused(place, "", "expected `Reject` or `ProcessPartial`", value)
    return value.lower() == "reject"


def _separator(value: str, place: Place) -> str:
    if len(value) != 1 or ord(value) > 127:
        raise refused(place, "SecArgumentSeparator", "expected one ASCII character", value)
    return value


def _cookie_format(value: str, place: Place) -> None:
    if value != "0":
        raise refused(
            place, "SecCookieFormat", "expected 0: version 1 cookies (RFC 2965) are not sent by anybody", value
        )


def _off(value: str, place: Place) -> None:
    if value.lower() != "off":
        hint = "`XML:/*` and `XML://@*` hold all text and all attribute values"
        raise refused(place, "SecParseXmlIntoArgs", "expected `Off`", value, hint)


def _anything(_value: str, _place: Place) -> None:
    return None


_VALUES: dict[str, tuple[str, Callable[[str, Place], Any]]] = {
    "secruleengine": ("engine", engine_mode),
    "secrequestbodyaccess": ("request_body", _switch),
    "secrequestbodylimit": ("request_body_limit", _bytes),
    "secrequestbodynofileslimit": ("request_body_no_files_limit", _bytes),
    "secrequestbodylimitaction": ("request_body_refuse", _refuses),
    "secresponsebodyaccess": ("response_body", _switch),
    "secresponsebodylimit": ("response_body_limit", _bytes),
    "secresponsebodylimitaction": ("response_body_refuse", _refuses),
    "secresponsebodymimetype": ("response_media_types", lambda value, _: [word.lower() for word in value.split()]),
    "secresponsebodymimetypesclear": ("response_media_types", lambda _value, _place: []),
    "secrequestbodyjsondepthlimit": ("json_depth", _bytes),
    "secargumentslimit": ("arguments", _bytes),
    "secargumentseparator": ("argument_separator", _separator),
    "secuploadfilelimit": ("upload_files", _bytes),
    "seccollectiontimeout": ("collection_timeout_s", _bytes),
    "seccookieformat": ("", _cookie_format),
    "secparsexmlintoargs": ("", _off),
    "secwebappid": ("", _anything),
    "secsensorid": ("", _anything),
    "secunicodecodepage": ("", _anything),
}
"""Directives by their name in lower case: the setting and how its value is read."""
