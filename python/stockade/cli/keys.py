"""`stockade keys`: API keys, password hashes, and the keys that sign identities for upstreams."""

from __future__ import annotations

import getpass
import os
import sys
from typing import Annotated

import typer

from stockade.app.errors import StockadeError
from stockade.cli import options, output
from stockade.cli.errors import GOOD

COLUMNS = tuple(
    output.Column(title) for title in ("ID", "SUBJECT", "METHOD", "SCOPES", "STATE", "ENDS (UTC)", "LAST USE (UTC)")
)
"""Columns of the table."""

MEMORY_KIB, ROUNDS = 19 * 1024, 2
"""Costs of password hashes (OWASP's first choice for argon2id)."""

KeyId = Annotated[str, typer.Argument(metavar="ID", help="Id of the key.")]
"""The key that is meant."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Make, rotate, list and revoke API keys.", rich_markup_mode=None)
    group.command("create")(create)
    group.command("rotate")(rotate)
    group.command("list")(list_keys)
    group.command("revoke")(revoke)
    group.command("password")(password)
    group.command("identity")(identity)
    app.add_typer(group, name="keys")


def create(
    subject: Annotated[str, typer.Argument(help="Who the key stands for.")],
    method: Annotated[str, typer.Option(help="Name of the `api_key` method that takes it.")] = "api_key",
    role: Annotated[list[str] | None, typer.Option(help="A role; may be repeated.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="A scope; may be repeated.")] = None,
    expires_in: Annotated[str | None, typer.Option("--for", help="How long it is good, such as `90d`.")] = None,
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Make a key and print it, this once: only its SHA-256 is kept."""
    from stockade.app.clock import wall_clock
    from stockade.app.duration import seconds_of
    from stockade.app.keys import KeyDesk

    if not 1 <= len(subject) <= 200 or not subject.isprintable():
        raise StockadeError("usage", "expected a subject of 1 to 200 printable characters", None)
    ends = wall_clock() + seconds_of(expires_in) * 1_000_000 if expires_in else None
    issued = KeyDesk(data).create(subject, method, tuple(role or ()), tuple(scope or ()), ends)
    if json:
        output.print_json({"id": issued.key.id, "key": issued.secret, "expires_at": ends})
    else:
        output.line(f"{issued.key.id} for {output.visible(subject)}; in force within seconds")
        output.line(issued.secret)
    return GOOD


def rotate(
    key_id: KeyId,
    overlap: Annotated[str, typer.Option(help="How long the old key goes on, such as `7d`; `0s` to end it.")] = "7d",
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Make another key in the place of one, and print it; both are good for a while."""
    from stockade.app.duration import seconds_of
    from stockade.app.keys import KeyDesk

    issued = KeyDesk(data).rotate(key_id, seconds_of(overlap))
    if json:
        output.print_json({"id": issued.key.id, "key": issued.secret, "previous": issued.key.previous})
    else:
        output.line(f"{issued.key.id} has a new key; the old one goes on for {overlap}")
        output.line(issued.secret)
    return GOOD


def list_keys(data: options.Data = options.DEFAULT_DATA, json: options.Json = False) -> int:
    """List the keys with their last use."""
    from stockade.app.clock import wall_clock
    from stockade.app.keys import KeyDesk

    listed, now = KeyDesk(data).list(), wall_clock()
    if json:
        output.print_json(
            {
                "keys": [
                    {
                        "id": one.key.id,
                        "subject": one.key.subject,
                        "method": one.key.method,
                        "roles": list(one.key.roles),
                        "scopes": list(one.key.scopes),
                        "state": one.key.state(now),
                        "created_at": one.key.created_at,
                        "expires_at": one.key.expires_at,
                        "revoked_at": one.key.revoked_at,
                        "last_used": one.last_used,
                        "exchanges": one.exchanges,
                    }
                    for one in listed
                ]
            }
        )
    elif listed:
        rows = [
            [
                one.key.id,
                one.key.subject,
                one.key.method,
                " ".join(one.key.scopes),
                one.key.state(now),
                output.clock_time(one.key.expires_at, date=True) if one.key.expires_at else "never",
                output.clock_time(one.last_used, date=True) if one.last_used else "never",
            ]
            for one in listed
        ]
        output.print_table(COLUMNS, rows)
    else:
        output.line("no keys")
    return GOOD


def revoke(
    key_id: KeyId,
    reason: Annotated[str, typer.Option(help="Why, for the audit log and the events.")],
    data: options.Data = options.DEFAULT_DATA,
    json: options.Json = False,
) -> int:
    """Take a key back; a running gateway stops it at once."""
    from stockade.app.keys import KeyDesk

    if not 1 <= len(reason.strip()) <= 400:
        raise StockadeError("usage", "expected a reason of 1 to 400 characters", None)
    told = KeyDesk(data).revoke(key_id, reason)
    if json:
        output.print_json({"revoked": key_id, "enforced": told})
    else:
        state = "the gateway stops it from now on" if told else "no gateway runs; the next that starts stops it"
        output.line(f"revoked {output.visible(key_id)}; {state}")
    return GOOD


def password(json: options.Json = False) -> int:
    """Read a password and print its argon2id hash, for `basic` methods."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    text = getpass.getpass("password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    if len(text) < 8:
        raise StockadeError("usage", "expected a password of 8 characters or more", None)
    derive = Argon2id(salt=os.urandom(16), length=32, iterations=ROUNDS, lanes=1, memory_cost=MEMORY_KIB)
    hashed = derive.derive_phc_encoded(text.encode())
    if json:
        output.print_json({"argon2id": hashed})
    else:
        output.line(hashed)
    return GOOD


def identity(data: options.Data = options.DEFAULT_DATA) -> int:
    """Print the public keys that sign identities for upstreams, as a JWK Set (RFC 7517)."""
    from stockade.app.keys import KeyDesk

    output.print_json(KeyDesk(data).identity())
    return GOOD
