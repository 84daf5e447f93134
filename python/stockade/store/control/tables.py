"""The tables of control data. Secrets in them are hashed where they only have to be known again, sealed elsewhere."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()
"""All tables of control data."""

USERS = sa.Table(
    "users",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("password", sa.Text),
    sa.Column("second_factor", sa.Text),
    sa.Column("last_step", sa.BigInteger, nullable=False, default=0),
    sa.Column("provider", sa.String(512), unique=True),
    sa.Column("disabled", sa.Boolean, nullable=False, default=False),
    sa.Column("failures", sa.Integer, nullable=False, default=0),
    sa.Column("locked_until", sa.BigInteger, nullable=False, default=0),
    sa.Column("created_at", sa.BigInteger, nullable=False),
)
"""People. `password` is an argon2id text, `second_factor` a sealed TOTP key, `last_step` the newest step of it that was
used, `provider` who they are to an OpenID provider."""

INVITATIONS = sa.Table(
    "invitations",
    METADATA,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64)),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
)
"""One-time links by which a person sets a password."""

SESSIONS = sa.Table(
    "sessions",
    METADATA,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64), sa.ForeignKey("users.name", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("csrf", sa.String(64), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
    sa.Column("agent", sa.String(200), nullable=False),
)
"""Signed-in browsers."""

TOKENS = sa.Table(
    "tokens",
    METADATA,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(64), sa.ForeignKey("users.name", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("label", sa.String(100), nullable=False),
    sa.Column("scopes", sa.String(200), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("used_at", sa.BigInteger),
)
"""Tokens of the admin API, as SHA-256."""

VERSIONS = sa.Table(
    "versions",
    METADATA,
    sa.Column("place", sa.String(500), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("made_by", sa.String(100), nullable=False),
    sa.Column("why", sa.String(1000), nullable=False),
    sa.Column("source", sa.Text),
)
"""Versions of the policy. `place` is the data folder, `source` the sealed text of the config file."""
