"""Accounts: sign up, log in, see and change the own account."""

import os
import re
from datetime import UTC, datetime
from functools import partial

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stockade.sample.bodies import fields, path_id, text, uploaded_file
from stockade.sample.callers import owns, shop_of, user
from stockade.sample.database import Row
from stockade.sample.passwords import hash_password, is_password
from stockade.sample.problems import ShopError
from stockade.sample.state import Shop
from stockade.sample.tokens import LIFETIME_S

_EMAIL = re.compile(r"[^@\s]{1,100}@[^@\s]{1,98}\.[^@\s]{1,60}")
_SHOWN = ("id", "name", "email", "role", "bio", "member_since")
_CHANGEABLE = ("name", "bio")
_COLUMNS = ("name", "bio", "email", "role", "member_since")
_PICTURES = ("image/png", "image/jpeg", "image/webp", "image/gif")


def _shown(shop: Shop, row: Row) -> Row:
    if shop.flaws.excessive_data:
        return {key: value for key, value in row.items() if not isinstance(value, bytes)}
    return {key: row[key] for key in _SHOWN}


def _by_id(shop: Shop, user_id: int) -> Row:
    found = shop.database.row("SELECT * FROM users WHERE id = ?", (user_id,))
    if found is None:
        raise ShopError(404, "no such user")
    return found


async def sign_up(request: Request) -> Response:
    """Make an account."""
    shop = shop_of(request)
    sent = await fields(request, {"name": text(1, 100), "email": text(3, 200), "password": text(10, 200)})
    email = sent["email"].lower()
    if not _EMAIL.fullmatch(email):
        raise ShopError(422, "expected an email address")
    stored = await anyio.to_thread.run_sync(partial(hash_password, sent["password"], os.urandom(16)))
    since = datetime.fromtimestamp(shop.now(), UTC).date().isoformat()
    with shop.database.transaction():
        if shop.database.row("SELECT id FROM users WHERE email = ?", (email,)):
            raise ShopError(409, "there is an account with this email")
        user_id = shop.database.change(
            "INSERT INTO users (name, email, password_hash, member_since) VALUES (?, ?, ?, ?)",
            (sent["name"], email, stored, since),
        )
    return JSONResponse(_shown(shop, _by_id(shop, user_id)), 201)


async def log_in(request: Request) -> Response:
    """Give a token for an email and a password."""
    shop = shop_of(request)
    sent = await fields(request, {"email": text(1, 200), "password": text(1, 200)})
    email, now = sent["email"].lower(), shop.now()
    wait = 0 if shop.flaws.no_rate_limit else shop.throttle.wait_s(email, now)
    if wait:
        raise ShopError(429, "too many failed logins", {"retry-after": str(wait)})
    found = shop.database.row("SELECT id, role, password_hash FROM users WHERE email = ?", (email,))
    # An unknown email takes as long as a wrong password, so that it does not tell.
    stored = found["password_hash"] if found else hash_password("", b"0" * 16)
    right = await anyio.to_thread.run_sync(partial(is_password, sent["password"], stored))
    if found is None or not right:
        shop.throttle.failed(email, now)
        raise ShopError(401, "email or password is wrong")
    shop.throttle.succeeded(email)
    return JSONResponse(
        {"token": shop.issuer.issue(str(found["id"]), found["role"], now), "expires_in": LIFETIME_S},
        headers={"cache-control": "no-store"},
    )


async def get_me(request: Request) -> Response:
    """Show the own account."""
    shop = shop_of(request)
    return JSONResponse(_shown(shop, _by_id(shop, user(request).id)))


async def update_me(request: Request) -> Response:
    """Change the own account."""
    shop, caller = shop_of(request), user(request)
    checks = {"name": text(1, 100), "bio": text(0, 2000)}
    sent = await fields(request, {}, checks, takes_all=shop.flaws.mass_assignment)
    allowed = _COLUMNS if shop.flaws.mass_assignment else _CHANGEABLE
    changes = {name: sent[name] for name in allowed if name in sent}
    if not changes:
        raise ShopError(422, "expected something to change")
    # Column names come from the list above, never from the request.
    columns = ", ".join(f"{name} = ?" for name in changes)
    statement = f"UPDATE users SET {columns} WHERE id = ?"  # noqa: S608
    shop.database.change(statement, (*changes.values(), caller.id))
    return JSONResponse(_shown(shop, _by_id(shop, caller.id)))


async def get_user(request: Request) -> Response:
    """Show an account to its owner; to everybody else it does not exist."""
    shop, caller = shop_of(request), user(request)
    user_id = path_id(request, "user_id")
    if not owns(request, caller, user_id):
        raise ShopError(404, "no such user")
    return JSONResponse(_shown(shop, _by_id(shop, user_id)))


async def upload_avatar(request: Request) -> Response:
    """Store an uploaded picture."""
    caller = user(request)
    picture, media_type = await uploaded_file(request)
    if media_type not in _PICTURES:
        raise ShopError(415, "expected a picture")
    return _store(request, caller.id, picture, media_type)


async def set_picture(request: Request) -> Response:
    """Fetch a picture and store it."""
    shop, caller = shop_of(request), user(request)
    sent = await fields(request, {"url": text(1, 500)})
    picture, media_type = await shop.pictures.fetch(sent["url"], anywhere=shop.flaws.ssrf)
    return _store(request, caller.id, picture, media_type, preview=shop.flaws.ssrf)


def _store(request: Request, user_id: int, picture: bytes, media_type: str, *, preview: bool = False) -> Response:
    shop_of(request).database.change(
        "UPDATE users SET picture = ?, picture_type = ? WHERE id = ?", (picture, media_type, user_id)
    )
    answer = {"bytes": len(picture), "media_type": media_type}
    if preview:
        answer["preview"] = picture[:1000].decode("utf-8", "replace")
    return JSONResponse(answer)


ROUTES = [
    Route("/users", sign_up, methods=["POST"]),
    Route("/sessions", log_in, methods=["POST"]),
    Route("/users/me", get_me, methods=["GET"]),
    Route("/users/me", update_me, methods=["PATCH"]),
    Route("/users/me/avatar", upload_avatar, methods=["PUT"]),
    Route("/users/me/picture", set_picture, methods=["PUT"]),
    Route("/users/{user_id:int}", get_user, methods=["GET"]),
]
"""Routes of this part."""
