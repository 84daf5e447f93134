"""What the clients of the script carry: tokens, keys, and the ids of what they made."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from stockade.sample.folder import partner_key
from stockade.sample.tokens import LIFETIME_S, Issuer, unsigned


@dataclass(slots=True)
class Wallet:
    """Fills up while the script runs."""

    issuer: Issuer
    """The shop's issuer, to have old tokens."""
    partner_key: str
    """The partner's API key."""
    now: int
    """Seconds since the epoch."""
    tokens: dict[str, str] = field(default_factory=dict)
    """Tokens by name, from log in."""
    ids: dict[str, int] = field(default_factory=dict)
    """Ids of what was made."""

    @classmethod
    def in_folder(cls, folder: Path, now: int) -> "Wallet":
        """A wallet for the shop of a data folder."""
        return cls(Issuer.in_folder(folder), partner_key(folder), now)

    def token(self, name: str) -> str:
        """The token of a user; an empty one when the login failed."""
        return self.tokens.get(name, "")

    def keep(self, name: str, answer: Any, member: str = "id") -> None:
        """Keep an id of an answer."""
        if isinstance(answer, dict) and isinstance(answer.get(member), int):
            self.ids[name] = answer[member]

    def expired(self) -> str:
        """A token of the shop that has ended."""
        return self.issuer.issue("1", "admin", self.now - 2 * LIFETIME_S)

    def forged(self) -> str:
        """A token signed with a key of the attacker's own."""
        return Issuer(ec.generate_private_key(ec.SECP256R1())).issue("1", "admin", self.now)

    def unsigned(self) -> str:
        """A token with `alg: none`."""
        return unsigned(
            {
                "sub": "1",
                "iss": "https://shop.example",
                "aud": "shop",
                "roles": ["admin"],
                "exp": self.now + LIFETIME_S,
            }
        )
