"""The shop's database: SQLite, one file or in memory, seeded the same way each time."""

import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stockade.sample.passwords import hash_password
from stockade.sample.seed import ORDERS, PRODUCTS, USERS

_TABLES = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, password_hash TEXT NOT NULL,
    role TEXT NOT NULL DEFAULT 'customer', bio TEXT NOT NULL DEFAULT '', member_since TEXT NOT NULL,
    picture BLOB, picture_type TEXT
);
CREATE TABLE products (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL, category TEXT NOT NULL,
    price_cents INTEGER NOT NULL, purchase_price_cents INTEGER NOT NULL, stock INTEGER NOT NULL
);
CREATE TABLE reviews (
    id INTEGER PRIMARY KEY, product_id INTEGER NOT NULL REFERENCES products, user_id INTEGER NOT NULL REFERENCES users,
    rating INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE (product_id, user_id)
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users, status TEXT NOT NULL DEFAULT 'open',
    total_cents INTEGER NOT NULL, note TEXT NOT NULL DEFAULT '', placed_at TEXT NOT NULL
);
CREATE TABLE order_items (
    order_id INTEGER NOT NULL REFERENCES orders, product_id INTEGER NOT NULL REFERENCES products,
    quantity INTEGER NOT NULL, price_cents INTEGER NOT NULL
);
CREATE TABLE payments (
    id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders, amount_cents INTEGER NOT NULL,
    method TEXT NOT NULL, reference TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'paid', refund_reason TEXT
);
"""

Row = dict[str, Any]


class Database:
    """One connection, used by one request at a time."""

    def __init__(self, file: Path | None) -> None:
        """Open the database, anew and seeded.

        Args:
            file: its file, replaced when it is there; in memory when None.
        """
        if file is not None:
            for suffix in ("", "-wal", "-shm", "-journal"):
                file.with_name(file.name + suffix).unlink(missing_ok=True)
        self._connection = sqlite3.connect(file or ":memory:", check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._lock = threading.RLock()
        if file is not None:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        with self.transaction():
            for statement in _TABLES.split(";\n"):
                self._connection.execute(statement)
            self._seed()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and nobody else between."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        with self._lock:
            return [dict(row) for row in self._connection.execute(statement, values)]

    def row(self, statement: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row of a query; None when there is none."""
        found = self.rows(statement, values)
        return found[0] if found else None

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Change something.

        Returns:
            The id of the new row, for an INSERT.
        """
        with self._lock:
            return self._connection.execute(statement, values).lastrowid or 0

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def _seed(self) -> None:
        for user in USERS:
            salt = hashlib.sha256(user.email.encode()).digest()[:16]
            self.change(
                "INSERT INTO users (id, name, email, password_hash, role, bio, member_since) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    user.id,
                    user.name,
                    user.email,
                    hash_password(user.password, salt),
                    user.role,
                    user.bio,
                    "2026-01-15",
                ),
            )
        for number, (name, description, category, price) in enumerate(PRODUCTS, 1):
            self.change(
                "INSERT INTO products VALUES (?, ?, ?, ?, ?, ?, ?)",
                (number, name, description, category, price, price * 6 // 10, 100),
            )
        for order in ORDERS:
            self.change(
                "INSERT INTO orders (id, user_id, status, total_cents, note, placed_at) VALUES (?, ?, ?, ?, ?, ?)",
                (order.id, order.user_id, "paid", order.total_cents, order.note, "2026-02-01T10:00:00Z"),
            )
            self.change(
                "INSERT INTO order_items VALUES (?, ?, ?, ?)", (order.id, order.product_id, 1, order.total_cents)
            )
            self.change(
                "INSERT INTO payments (order_id, amount_cents, method, reference) VALUES (?, ?, 'card', ?)",
                (order.id, order.total_cents, f"ref-{order.id:04}"),
            )
