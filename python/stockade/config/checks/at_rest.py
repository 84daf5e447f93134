"""What is kept on disk in clear: events in one of two places, and secrets in the file itself."""

import re
from collections.abc import Iterator

from pydantic import SecretStr

from stockade.config.document.node import Step
from stockade.config.root import Config
from stockade.config.section import Section
from stockade.config.sources import Sources
from stockade.model.problem import Problem, Severity

_PUBLIC = re.compile(r"(?!.*(?:auth|token|secret|key|password|cookie|session))", re.IGNORECASE)
_HINT = "write `{env: NAME}`, `{file: path}`, `{command: [program]}` or `{vault: name}`; see docs/guides/secrets.md"


def check(config: Config, sources: Sources) -> Iterator[Problem]:
    """Half-encrypted events; secrets in clear."""
    spool, archive = config.gateway.spool.encrypt, config.events.encrypt
    if spool != archive:
        steps: tuple[Step, ...] = ("gateway", "spool", "encrypt") if archive else ("events", "encrypt")
        text = "events are encrypted in one place and in clear in the other"
        hint = f"set `{'.'.join(str(step) for step in steps)}: true` as well"
        yield sources.problem(steps, text, hint, severity=Severity.WARNING)
    yield from _literal(config, (), sources)


def _literal(value: object, steps: tuple[Step, ...], sources: Sources) -> Iterator[Problem]:
    match value:
        case Section():
            for name in type(value).model_fields:
                yield from _literal(getattr(value, name), (*steps, name), sources)
        case tuple():
            for index, below in enumerate(value):
                yield from _literal(below, (*steps, index), sources)
        case dict():
            for name, below in value.items():
                yield from _literal(below, (*steps, name), sources)
        case SecretStr() if sources.root is not None:
            node, count = sources.root.locate(steps)
            # A header field may be a secret, or plain text that is set for the upstream.
            public = "set_headers" in steps and _PUBLIC.match(str(steps[-1]))
            if count == len(steps) and isinstance(node.value, str) and "${" not in node.value and not public:
                yield sources.problem(steps, "a secret stands in the file itself", _HINT, severity=Severity.WARNING)
        case _:
            return
