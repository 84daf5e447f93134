"""People are invited, choose passwords themselves, and lose everything at once when they are disabled."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.app.admin.states import PASSWORD, Clock, a_session, a_user, accounts_in

from stockade.app.accounts.accounts import Accounts
from stockade.app.accounts.principal import Right, Role
from stockade.core.errors import StockadeError


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock) -> Accounts:
    return accounts_in(tmp_path, clock)


def test_an_invitation_works_once(accounts: Accounts) -> None:
    code = accounts.people.invite("ann", Role.EDITOR, "owner")
    assert accounts.people.accept(code, "", PASSWORD).role is Role.EDITOR
    with pytest.raises(StockadeError, match=r"users\.invitation"):
        accounts.people.accept(code, "", PASSWORD)


def test_an_invitation_ends_and_a_newer_one_takes_its_place(accounts: Accounts, clock: Clock) -> None:
    old = accounts.people.invite("ann", Role.VIEWER, "owner")
    new = accounts.people.invite("ann", Role.VIEWER, "owner")
    with pytest.raises(StockadeError, match=r"users\.invitation"):
        accounts.people.invitation(old)
    clock.pass_s(25 * 3600)
    with pytest.raises(StockadeError, match=r"users\.invitation"):
        accounts.people.invitation(new)


def test_an_open_invitation_takes_nobody_over(accounts: Accounts) -> None:
    a_user(accounts, "ann", Role.ADMIN)
    code = accounts.people.invite(None, Role.VIEWER, "owner")
    with pytest.raises(StockadeError, match=r"users\.known"):
        accounts.people.accept(code, "ann", "another long password")
    assert accounts.sessions.sign_in("ann", PASSWORD, "", "test").principal.role is Role.ADMIN


@pytest.mark.parametrize(
    "password", ["", "short", "aaaaaaaaaaaaaaaa", "password1234"[:8], "ann-ann-ann-1234", "x" * 300, "123456789012"]
)
def test_a_password_that_is_easy_to_guess_is_refused(accounts: Accounts, password: str) -> None:
    code = accounts.people.invite("ann", Role.VIEWER, "owner")
    with pytest.raises(StockadeError, match=r"users\.password"):
        accounts.people.accept(code, "", password)
    assert accounts.people.accept(code, "", PASSWORD).name == "ann"


@pytest.mark.parametrize("name", ["a b", "", "<b>", "a/b", "x" * 65, "-a", "ä", "a\0"])
def test_a_name_that_is_none_is_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(StockadeError, match=r"users\.name"):
        accounts.people.invite(name, Role.VIEWER, "owner")


def test_whoever_is_disabled_has_nothing_left(accounts: Accounts) -> None:
    a_user(accounts, "boss", Role.ADMIN)
    a_user(accounts, "ann", Role.VIEWER)
    session = a_session(accounts, "ann")
    token, _ = accounts.tokens.make("ann", "script", frozenset({Right.READ}), None)
    assert accounts.sessions.principal(session.token) is not None
    assert accounts.tokens.principal(token) is not None
    accounts.people.change("ann", None, True)
    assert accounts.sessions.principal(session.token) is None
    assert accounts.tokens.principal(token) is None
    with pytest.raises(StockadeError, match=r"signin\.wrong"):
        accounts.sessions.sign_in("ann", PASSWORD, "", "test")
    accounts.people.change("ann", None, False)
    assert accounts.sessions.principal(session.token) is None


def test_a_new_role_counts_at_once(accounts: Accounts) -> None:
    a_user(accounts, "boss", Role.ADMIN)
    a_user(accounts, "ann", Role.ADMIN)
    session = a_session(accounts, "ann")
    accounts.people.change("ann", Role.VIEWER, None)
    found = accounts.sessions.principal(session.token)
    assert found is not None
    assert not found.may(Right.MANAGE)


def test_somebody_is_left_to_manage_people(accounts: Accounts) -> None:
    a_user(accounts, "ann", Role.ADMIN)
    for change in (
        lambda: accounts.people.remove("ann"),
        lambda: accounts.people.change("ann", Role.EDITOR, None),
        lambda: accounts.people.change("ann", None, True),
    ):
        with pytest.raises(StockadeError, match=r"users\.last_admin"):
            change()
    a_user(accounts, "ben", Role.ADMIN)
    accounts.people.remove("ann")
    assert [user.name for user in accounts.people.all()] == ["ben"]


def test_tokens_are_limited_by_scope_role_and_time(accounts: Accounts, clock: Clock) -> None:
    a_user(accounts, "ann", Role.RESPONDER)
    token, facts = accounts.tokens.make("ann", "script", frozenset({Right.READ, Right.MANAGE}), 60)
    found = accounts.tokens.principal(token)
    assert found is not None
    assert [right for right in Right if found.may(right)] == [Right.OPEN, Right.SELF, Right.READ]
    assert accounts.tokens.principal(token + "x") is None
    clock.pass_s(61)
    assert accounts.tokens.principal(token) is None
    with pytest.raises(StockadeError, match=r"tokens\.unknown"):
        accounts.tokens.revoke(facts.id, "ben")
    accounts.tokens.revoke(facts.id, "ann")
    assert accounts.tokens.all() == []


def test_nothing_secret_lies_open_in_the_database(accounts: Accounts, tmp_path: Path) -> None:
    a_user(accounts, "ann", Role.ADMIN)
    session = a_session(accounts, "ann")
    token, _ = accounts.tokens.make("ann", "script", frozenset({Right.READ}), None)
    invitation = accounts.people.invite("ben", Role.VIEWER, "owner")
    factor = accounts.sessions.fresh_factor()
    sealed = accounts.sessions._factors.seal(factor, "ann")
    assert accounts.sessions._factors.open(sealed, "ann") == factor
    with pytest.raises(StockadeError, match=r"crypto\.sealed"):
        accounts.sessions._factors.open(sealed, "ben")
    written = b"".join(file.read_bytes() for file in tmp_path.glob("control.db*")) + sealed.encode()
    for secret in (PASSWORD, session.token, token, invitation, factor):
        assert secret.encode() not in written
