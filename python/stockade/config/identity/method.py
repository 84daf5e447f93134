"""One way to prove who is calling."""

from pydantic import model_validator

from stockade.config.identity.api_keys import ApiKeys
from stockade.config.identity.basic import Basic
from stockade.config.identity.certificate import ClientIdentity
from stockade.config.identity.introspection import Introspection
from stockade.config.identity.jwt import Jwt
from stockade.config.identity.signature import Signatures
from stockade.config.section import Section
from stockade.config.values.refuse import refuse

AnyMethod = Jwt | ApiKeys | Basic | Introspection | ClientIdentity | Signatures
"""The settings of any method."""


class Method(Section):
    """One way to prove who is calling: exactly one of these."""

    jwt: Jwt | None = None
    """Tokens in JWT form."""
    api_key: ApiKeys | None = None
    """API keys."""
    basic: Basic | None = None
    """User names and passwords."""
    introspection: Introspection | None = None
    """Opaque tokens, about which their issuer is asked."""
    certificate: ClientIdentity | None = None
    """Certificates of clients."""
    signature: Signatures | None = None
    """Signed requests."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Method":
        kinds = list(type(self).model_fields)
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            shown = ", ".join(f"`{kind}`" for kind in kinds)
            refuse(f"expected exactly one of {shown}", "write each method as its own item of the list")
        return self

    @property
    def one(self) -> AnyMethod:
        """The one that is given."""
        kinds = (self.jwt, self.api_key, self.basic, self.introspection, self.certificate, self.signature)
        found = next((kind for kind in kinds if kind is not None), None)
        if found is None:
            raise ValueError("a method without a kind")
        return found

    @property
    def name(self) -> str:
        """Name in events."""
        return self.one.name
