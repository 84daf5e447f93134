"""Key sets, and settings of identity and access that only make sense together."""

from collections.abc import Iterator

from stockade.config.api import Api
from stockade.config.document.node import Step
from stockade.config.identity import ANONYMOUS, ApiKeys, Jwt, Signatures
from stockade.config.key_set import KeySetError, fits, read_key_set
from stockade.config.root import Config
from stockade.config.sources import Sources
from stockade.model.problem import Problem, Severity


def check(config: Config, sources: Sources) -> Iterator[Problem]:
    """Key sets that cannot verify anything; requirements that nobody can fulfil."""
    for name, api in config.apis.items():
        for index, method in enumerate(api.identity.methods):
            if method.jwt is not None:
                yield from _check_jwt(method.jwt, ("apis", name, "identity", "methods", index, "jwt"), sources)
            if method.api_key is not None:
                yield from _check_prefix(
                    method.api_key, ("apis", name, "identity", "methods", index, "api_key"), sources
                )
            if method.signature is not None:
                yield from _check_signatures(
                    method.signature, ("apis", name, "identity", "methods", index, "signature"), sources
                )
            if method.certificate is not None:
                yield from _check_certificate(config, ("apis", name, "identity", "methods", index), sources)
        yield from _check_routes(name, api, sources)
        yield from _check_api(name, api, sources)


def _check_jwt(jwt: Jwt, steps: tuple[Step, ...], sources: Sources) -> Iterator[Problem]:
    if jwt.keys_file is None:
        return
    try:
        keys = read_key_set(jwt.keys_file)
    except KeySetError as error:
        yield sources.problem((*steps, "keys_file"), error.expected, error.hint, show_value=True)
        return
    if not any(fits(key, algorithm) for key in keys["keys"] for algorithm in jwt.algorithms):
        expected = f"expected a key for one of {', '.join(jwt.algorithms)}"
        hint = "add the algorithm that the issuer signs with to `algorithms`"
        yield sources.problem((*steps, "keys_file"), expected, hint, show_value=True)


def _check_prefix(keys: ApiKeys, steps: tuple[Step, ...], sources: Sources) -> Iterator[Problem]:
    for index, entry in enumerate(keys.keys):
        key = entry.key
        if key is not None and not key.get_secret_value().startswith(keys.prefix):
            expected = f"expected a key that begins with the prefix `{keys.prefix}`"
            yield sources.problem(
                (*steps, "keys", index, "key"), expected, "other keys are refused before they are known"
            )


def _check_signatures(signatures: Signatures, steps: tuple[Step, ...], sources: Sources) -> Iterator[Problem]:
    for index, key in enumerate(signatures.keys):
        file = key.public_key_file
        if file is not None and not file.is_file():
            yield sources.problem(
                (*steps, "keys", index, "public_key_file"), "expected a file that is there", got=str(file)
            )


def _check_certificate(config: Config, steps: tuple[Step, ...], sources: Sources) -> Iterator[Problem]:
    if not any(listener.tls and listener.tls.client_certificates for listener in config.gateway.listen):
        hint = "add `client_certificates` to the `tls` of a listener"
        yield sources.problem((*steps, "certificate"), "expected a listener that asks clients for certificates", hint)


def _check_routes(name: str, api: Api, sources: Sources) -> Iterator[Problem]:
    base: tuple[Step, ...] = ("apis", name, "identity")
    known = [method.name for method in api.identity.methods]
    for index, method in enumerate(known):
        if method == ANONYMOUS:
            hint = "the word stands for no credential at all"
            yield sources.problem((*base, "methods", index, "name"), "expected another name than `anonymous`", hint)
    for index, route in enumerate(api.identity.routes):
        for place, method in enumerate(route.by):
            if method != ANONYMOUS and method not in known:
                hint = f"there are {', '.join(known)} and anonymous" if known else "add `identity.methods`"
                steps = (*base, "routes", index, "by", place)
                yield sources.problem(steps, "expected the name of a method", hint, got=method)


def _check_api(name: str, api: Api, sources: Sources) -> Iterator[Problem]:
    base: tuple[Step, ...] = ("apis", name)
    if not api.identity.methods:
        if api.identity.required:
            hint = "add `methods`, or leave `required` out"
            yield sources.problem(
                (*base, "identity", "required"), "expected `methods` beside it; nobody could be let in", hint
            )
        rules = bool(api.access.rules) or (api.access.admin is not None and bool(api.access.admin.roles))
        if rules:
            hint = "add `identity.methods`; without them no caller has a role"
            yield sources.problem(
                (*base, "access"), "rules name roles, but nobody can prove one", hint, severity=Severity.WARNING
            )
    for index, rule in enumerate(api.access.rules):
        steps = (*base, "access", "rules", index)
        if rule.is_empty:
            hint = "add `operations`, `tags`, `methods` or `paths`; `paths: ['/**']` stands for all"
            yield sources.problem(steps, "expected a choice of operations", hint)
        if not rule.roles and not rule.scopes:
            yield sources.problem(
                steps,
                "permits nobody: it names neither roles nor scopes",
                "add `roles` or `scopes`, or keep it to deny these operations to everybody",
                severity=Severity.WARNING,
            )
    if api.spec is None:
        for setting in ("unknown_operations", "unknown_parameters"):
            if getattr(api.contract, setting) == "refuse":
                hint = "add `spec`, or leave this out"
                yield sources.problem((*base, "contract", setting), "expected a `spec` to check against", hint)
    if api.identity.anonymous is not None and api.identity.anonymous.is_empty:
        hint = "name `operations`, `tags` or `paths`; to let everybody in write `required: false`"
        yield sources.problem((*base, "identity", "anonymous"), "expected a choice of operations", hint)
