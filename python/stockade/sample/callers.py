"""Who calls the shop, and what they may do there."""

import hashlib
import hmac
from dataclasses import dataclass

from starlette.requests import Request

from stockade.sample.problems import ShopError
from stockade.sample.state import Shop
from stockade.sample.tokens import TokenError


@dataclass(frozen=True, slots=True)
class Caller:
    """A proven user."""

    id: int
    """Id of the user."""
    role: str
    """Role of the user."""


def shop_of(request: Request) -> Shop:
    """The shop that a request is for."""
    shop = request.app.state.shop
    if not isinstance(shop, Shop):
        raise TypeError("the application has no shop")
    return shop


def user(request: Request) -> Caller:
    """The user whose token a request carries.

    Raises:
        ShopError: 401 when there is none, or it proves nothing.
    """
    shop = shop_of(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise ShopError(401, "log in first", {"www-authenticate": "Bearer"})
    try:
        claims = shop.issuer.verify(token.strip(), shop.now(), is_weak=shop.flaws.weak_tokens)
        found = shop.database.row("SELECT id, role FROM users WHERE id = ?", (int(str(claims.get("sub"))),))
    except (TokenError, ValueError, OverflowError) as error:
        raise ShopError(401, "the token is not valid", {"www-authenticate": 'Bearer error="invalid_token"'}) from error
    if found is None:
        raise ShopError(401, "the token is not valid", {"www-authenticate": 'Bearer error="invalid_token"'})
    role = found["role"]
    if shop.flaws.weak_tokens and claims.get("roles"):
        role = str(claims["roles"][0])
    return Caller(found["id"], role)


def user_with_role(request: Request, *roles: str) -> Caller:
    """The user of a request, who must have one of these roles.

    Raises:
        ShopError: 401 or 403.
    """
    caller = user(request)
    if caller.role not in roles and not shop_of(request).flaws.broken_function_auth:
        raise ShopError(403, "this is not for you")
    return caller


def partner(request: Request) -> None:
    """Let a partner in.

    Raises:
        ShopError: 401.
    """
    digest = hashlib.sha256(request.headers.get("x-api-key", "").encode()).hexdigest()
    if not hmac.compare_digest(digest, shop_of(request).partner_key_sha256):
        raise ShopError(401, "expected a partner's key")


def owns(request: Request, caller: Caller, owner: int) -> bool:
    """Whether something of `owner` may be shown to the caller."""
    return owner == caller.id or shop_of(request).flaws.broken_object_auth
