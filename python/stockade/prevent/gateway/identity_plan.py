"""The settings of identity as its plan (`crates/model/src/plan/identity.rs`)."""

from pathlib import Path
from typing import Any

from stockade.config.identity import (
    ApiKey,
    ApiKeys,
    Basic,
    BindingSettings,
    ClientIdentity,
    HandOn,
    Identity,
    IdentityRoute,
    Introspection,
    Jwt,
    Method,
    Signatures,
    SignedHandOn,
)
from stockade.config.key_set import read_key_set
from stockade.config.selector import Selector
from stockade.prevent.gateway.stage_plans import microseconds, selector_plan
from stockade.prevent.identity.api_keys import KeyStore
from stockade.prevent.identity.key_sets import Kept, Source, read_kept
from stockade.prevent.identity.public_keys import jwk_of
from stockade.prevent.identity.signing_key import signing_key

FETCH_WAIT_MS = 3_000
"""How long a request waits for a key that a fetched set does not have."""


def identity_plan(name: str, identity: Identity, data: Path) -> dict[str, Any]:
    """As in `IdentityPlan`.

    Args:
        name: name of the API.
        identity: the settings.
        data: data folder, where fetched key sets are kept.

    Raises:
        KeySetError: a key set cannot be read.
    """
    return {
        "methods": [_method(method, data) for method in identity.methods],
        "required": identity.is_required,
        "anonymous": _alternatives(identity.anonymous) if identity.anonymous else [],
        "routes": [_route(route) for route in identity.routes],
        "session_cookies": list(identity.session_cookies),
        "strip_credential": identity.strip_credential,
        **({"hand_on": _hand_on(name, identity.hand_on, data)} if identity.hand_on else {}),
    }


def _hand_on(name: str, hand_on: HandOn, data: Path) -> dict[str, Any]:
    signed = hand_on.signed
    return {"headers": dict(hand_on.headers), "signed": _signed(name, signed, data) if signed else None}


def _signed(name: str, signed: SignedHandOn, data: Path) -> dict[str, Any]:
    made = signing_key(data)
    secret = signed.secret.get_secret_value() if signed.secret else made.secret.hex()
    return {
        "header": signed.header,
        "algorithm": signed.algorithm,
        "key": secret,
        "key_id": "shared" if signed.secret else made.id,
        "issuer": signed.issuer,
        "audience": signed.audience or name,
        "lifetime_s": signed.lifetime.ms // 1000,
    }


def _alternatives(selector: Selector) -> list[dict[str, Any]]:
    """One selector for each of `operations`, `tags` and `paths`: any of them selects an operation."""
    methods = selector.methods
    kinds = [{kind: getattr(selector, kind)} for kind in ("operations", "tags", "paths") if getattr(selector, kind)]
    return [selector_plan(Selector(methods=methods, **kind)) for kind in kinds or [{}]]


def _route(route: IdentityRoute) -> dict[str, Any]:
    return {
        "select": _alternatives(route),
        "methods": list(route.method_names),
        "anonymous": route.is_anonymous,
    }


def _method(method: Method, data: Path) -> dict[str, Any]:
    match method.one:
        case Jwt() as jwt:
            return _jwt(jwt, data)
        case ApiKeys() as keys:
            return _api_keys(keys, data)
        case Basic() as basic:
            return _basic(basic)
        case Introspection() as introspection:
            return _introspection(introspection)
        case ClientIdentity() as certificate:
            return _certificate(certificate)
        case Signatures() as signatures:
            return _signatures(signatures)


def _jwt(jwt: Jwt, data: Path) -> dict[str, Any]:
    return {
        "kind": "jwt",
        "name": jwt.name,
        **({"cookie": jwt.cookie} if jwt.cookie else {}),
        **_keys(jwt, data),
        "algorithms": list(jwt.algorithms),
        "issuers": list(jwt.issuers),
        "audiences": list(jwt.audience),
        "skew_s": jwt.skew.ms // 1000,
        "roles_claim": jwt.roles_claim,
        "scopes_claim": jwt.scopes_claim,
        "required_claims": list(jwt.required_claims),
        "binding": _binding(jwt.binding),
    }


def _keys(jwt: Jwt, data: Path) -> dict[str, Any]:
    source = Source.of(jwt)
    if source is None or jwt.keys_file is not None:
        return {"keys": read_key_set(jwt.keys_file or Path())}
    kept = read_kept(source, data) or Kept({"keys": []}, 0)
    until = kept.confirmed_at + int(source.keep_s * 1_000_000) if kept.confirmed_at else 0
    return {"keys": kept.keys, "fetched": {"until": until, "wait_ms": FETCH_WAIT_MS}}


def _introspection(introspection: Introspection) -> dict[str, Any]:
    return {
        "kind": "introspection",
        "name": introspection.name,
        **({"cookie": introspection.cookie} if introspection.cookie else {}),
        "issuers": list(introspection.issuer),
        "audiences": list(introspection.audience),
        "skew_s": introspection.skew.ms // 1000,
        "roles_claim": introspection.roles_claim,
        "scopes_claim": introspection.scopes_claim,
        "required_claims": list(introspection.required_claims),
        "binding": _binding(introspection.binding),
        "remember_ms": introspection.remember.ms,
        "wait_ms": introspection.wait.ms,
    }


def _binding(binding: BindingSettings) -> dict[str, Any]:
    return {"required": binding.required, "proof_s": binding.proof_age.ms // 1000}


def _certificate(certificate: ClientIdentity) -> dict[str, Any]:
    return {
        "kind": "certificate",
        "name": certificate.name,
        "subject": certificate.subject,
        "callers": [
            {"names": list(callers.names), "roles": list(callers.roles), "scopes": list(callers.scopes)}
            for callers in certificate.callers
        ],
    }


def _signatures(signatures: Signatures) -> dict[str, Any]:
    return {
        "kind": "signature",
        "name": signatures.name,
        "keys": [
            {
                "id": key.id,
                "algorithm": key.algorithm,
                "key": jwk_of(key),
                "subject": key.subject,
                "roles": list(key.roles),
                "scopes": list(key.scopes),
                "expires_at": microseconds(key.expires),
            }
            for key in signatures.keys
        ],
        "cover": list(signatures.cover),
        "digest": signatures.digest,
        "tag": signatures.tag,
        "window_s": signatures.window.ms // 1000,
        "skew_s": signatures.skew.ms // 1000,
    }


def _api_keys(keys: ApiKeys, data: Path) -> dict[str, Any]:
    places = (("header", keys.header), ("query", keys.query), ("cookie", keys.cookie))
    place, parameter = next((place, name) for place, name in places if name is not None)
    managed = KeyStore(data).usable(keys.name) if keys.managed else []
    return {
        "kind": "api_key",
        "name": keys.name,
        "place": place,
        "parameter": parameter,
        "prefix": keys.prefix,
        "managed": keys.managed,
        "keys": [*(_key(key) for key in keys.keys), *(key.to_plan() for key in managed)],
    }


def _key(key: ApiKey) -> dict[str, Any]:
    previous = key.previous
    return {
        "id": key.id,
        "sha256": key.digest,
        **({"previous": {"sha256": previous.digest, "expires_at": microseconds(previous.until)}} if previous else {}),
        "subject": key.subject,
        "roles": list(key.roles),
        "scopes": list(key.scopes),
        "expires_at": microseconds(key.expires),
    }


def _basic(basic: Basic) -> dict[str, Any]:
    return {
        "kind": "basic",
        "name": basic.name,
        "users": [
            {
                "user": user.user,
                "argon2id": user.argon2id,
                "subject": user.subject or user.user,
                "roles": list(user.roles),
                "scopes": list(user.scopes),
            }
            for user in basic.users
        ],
        "remember_ms": basic.remember.ms,
        "wait_ms": basic.wait.ms,
    }
