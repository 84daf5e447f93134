"""Access rules that could never decide as they are meant to."""

from collections.abc import Iterator

from stockade.config.document.node import Step
from stockade.config.root import Config
from stockade.config.sources import Sources
from stockade.model.problem import Problem


def check(config: Config, sources: Sources) -> Iterator[Problem]:
    """Objects and roles of an API in which nobody is ever proven to be anybody."""
    for name, api in config.apis.items():
        base: tuple[Step, ...] = ("apis", name, "access")
        if api.identity.methods:
            continue
        hint = "add a method to `identity.methods`"
        for path in api.access.objects:
            yield sources.problem(
                (*base, "objects", path), "expected identity to have a method, or nothing is anybody's", hint
            )
        for role in api.access.roles:
            yield sources.problem(
                (*base, "roles", role), "expected identity to have a method, or nobody has a role", hint
            )
