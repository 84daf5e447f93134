"""Names that must be unique, and APIs that would hide each other."""

from collections.abc import Iterator, Sequence

from stockade.config.document.node import Step
from stockade.config.root import Config
from stockade.config.sources import Sources
from stockade.model.problem import Problem

RESERVED_RULES = ("admin", "admin-paths")
"""Names of the rules that `access.admin` makes."""


def check(config: Config, sources: Sources) -> Iterator[Problem]:
    """Duplicate names of limits, rules, methods and keys; two APIs on one host and base path."""
    places: dict[tuple[str, str], str] = {}
    for name, api in config.apis.items():
        base: tuple[Step, ...] = ("apis", name)
        for host in api.hosts:
            # A base path that comes from the spec is compared when the plan is built.
            place = (host, api.base_path or "/")
            if place in places:
                expected = f"expected another host or base path than API `{places[place]}`"
                yield sources.problem((*base, "hosts"), expected, "set `hosts` or `base_path`", got="".join(place))
            places.setdefault(place, name)
        yield from _unique((*base, "limits"), "name", [limit.name for limit in api.limits], sources)
        yield from _unique((*base, "access", "rules"), "name", [rule.name for rule in api.access.rules], sources)
        yield from _unique((*base, "access", "fields"), "name", [rule.name for rule in api.access.fields], sources)
        for index, rule in enumerate(api.access.rules):
            if rule.name in RESERVED_RULES:
                expected = f"expected a name other than {' and '.join(f'`{name}`' for name in RESERVED_RULES)}"
                yield sources.problem((*base, "access", "rules", index, "name"), expected, got=rule.name)
        methods = api.identity.methods
        yield from _unique((*base, "identity", "methods"), "name", [method.name for method in methods], sources)
        for index, method in enumerate(methods):
            if method.api_key is not None:
                steps = (*base, "identity", "methods", index, "api_key", "keys")
                yield from _unique(steps, "id", [key.id for key in method.api_key.keys], sources)
                yield from _unique(steps, "sha256", [key.digest for key in method.api_key.keys], sources)
            if method.signature is not None:
                steps = (*base, "identity", "methods", index, "signature", "keys")
                yield from _unique(steps, "id", [key.id for key in method.signature.keys], sources)
            if method.basic is not None:
                steps = (*base, "identity", "methods", index, "basic", "users")
                yield from _unique(steps, "user", [user.user for user in method.basic.users], sources)


def _unique(steps: tuple[Step, ...], field: str, values: Sequence[str], sources: Sources) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            shown = None if field == "sha256" else value
            yield sources.problem((*steps, index, field), f"expected a {field} that no other entry has", got=shown)
        seen.add(value)
