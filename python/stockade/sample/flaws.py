"""The flaws that the shop can be given on purpose; each is one of the OWASP API Security Top 10 (2023)."""

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Flaws:
    """Which flaws are on. All are off by default, and the shop is right then."""

    broken_object_auth: bool = False
    """Orders, payments and accounts are shown to anybody who is logged in (API1)."""
    broken_function_auth: bool = False
    """Administrative operations are open to every logged-in user (API5)."""
    mass_assignment: bool = False
    """A user may set any column of the own account, `role` included (API3)."""
    excessive_data: bool = False
    """Accounts and products are answered with every column, password hashes and purchase prices included (API3)."""
    ssrf: bool = False
    """Pictures are fetched from any URL, redirects followed (API7)."""
    sql_injection: bool = False
    """The words of a product search are pasted into the SQL text."""
    weak_tokens: bool = False
    """Tokens with `alg: none`, and expired ones, are accepted (API2)."""
    no_rate_limit: bool = False
    """Passwords may be guessed without end (API2, API4)."""

    @classmethod
    def named(cls, names: Iterable[str]) -> "Flaws":
        """Switch on the flaws of these names.

        Raises:
            ValueError: a name is not known.
        """
        known = cls.names()
        names = list(names)
        for name in names:
            if name not in known:
                raise ValueError(f"expected a flaw of {', '.join(known)}, got `{name}`")
        return cls(**dict.fromkeys(names, True))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of all flaws."""
        return tuple(field.name for field in fields(cls))
