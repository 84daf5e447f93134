"""The `identity` of an API: who is calling, by which methods, on which routes."""

from stockade.config.identity.api_keys import ApiKey, ApiKeys, PreviousKey
from stockade.config.identity.basic import Basic, BasicUser
from stockade.config.identity.binding import BindingSettings
from stockade.config.identity.certificate import Callers, ClientIdentity
from stockade.config.identity.hand_on import HandOn, SignedHandOn
from stockade.config.identity.identity import Identity
from stockade.config.identity.introspection import Introspection
from stockade.config.identity.jwt import Jwt
from stockade.config.identity.method import Method
from stockade.config.identity.route import ANONYMOUS, IdentityRoute
from stockade.config.identity.signature import SignatureKey, Signatures

__all__ = [
    "ANONYMOUS",
    "ApiKey",
    "ApiKeys",
    "Basic",
    "BasicUser",
    "BindingSettings",
    "Callers",
    "ClientIdentity",
    "HandOn",
    "Identity",
    "IdentityRoute",
    "Introspection",
    "Jwt",
    "Method",
    "PreviousKey",
    "SignatureKey",
    "Signatures",
    "SignedHandOn",
]
