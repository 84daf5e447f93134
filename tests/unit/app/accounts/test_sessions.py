"""Sessions begin with the right proof alone, end when they should, and guessing gets slow."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from tests.unit.app.admin.states import PASSWORD, Clock, a_session, a_user, accounts_in

from stockade.app.accounts.accounts import Accounts
from stockade.app.accounts.principal import Role
from stockade.app.accounts.secrets import used_step
from stockade.core.errors import StockadeError


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock) -> Accounts:
    made = accounts_in(tmp_path, clock)
    a_user(made, "ann", Role.ADMIN)
    return made


def code_of(key: str, clock: Clock) -> str:
    return HOTP(base64.b32decode(key), 6, SHA1()).generate(clock.now // 30_000_000).decode()


def test_codes_are_those_of_the_standard() -> None:
    # RFC 6238, appendix B: the last six digits, for SHA-1.
    key = base64.b32encode(b"12345678901234567890").decode()
    for second, code in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037")):
        assert used_step(key, code, second, 0) == second // 30


def test_a_session_is_new_with_every_sign_in(accounts: Accounts) -> None:
    first = accounts.sessions.sign_in("ann", PASSWORD, "", "test")
    second = accounts.sessions.sign_in("ann", PASSWORD, "", "test", before=first.token)
    assert first.token != second.token
    assert accounts.sessions.principal(first.token) is None
    assert accounts.sessions.principal(second.token) is not None


def test_a_session_ends_when_it_is_not_used_and_at_last_in_any_case(accounts: Accounts, clock: Clock) -> None:
    idle = a_session(accounts, "ann")
    clock.pass_s(3601)
    assert accounts.sessions.principal(idle.token) is None
    used = a_session(accounts, "ann")
    for _ in range(12):
        clock.pass_s(3590)
        assert accounts.sessions.principal(used.token) is not None
    clock.pass_s(200)
    assert accounts.sessions.principal(used.token) is None


def test_nobody_learns_what_was_wrong(accounts: Accounts) -> None:
    said = set()
    for name, password in (("ann", "wrong"), ("nobody", PASSWORD), ("", "")):
        with pytest.raises(StockadeError) as caught:
            accounts.sessions.sign_in(name, password, "", "test")
        said.add(str(caught.value))
    assert len(said) == 1


def test_guessing_gets_slow_but_never_ends_it(accounts: Accounts, clock: Clock) -> None:
    for _ in range(5):
        with pytest.raises(StockadeError, match=r"signin\.wrong"):
            accounts.sessions.sign_in("ann", "wrong", "", "test")
    with pytest.raises(StockadeError, match=r"signin\.wait"):
        accounts.sessions.sign_in("ann", PASSWORD, "", "test")
    clock.pass_s(901)
    assert accounts.sessions.sign_in("ann", PASSWORD, "", "test").principal.name == "ann"


def test_a_second_factor_is_asked_for_and_a_code_works_once(accounts: Accounts, clock: Clock) -> None:
    principal = a_session(accounts, "ann").principal
    key = accounts.sessions.fresh_factor()
    with pytest.raises(StockadeError, match=r"signin\.code"):
        accounts.sessions.set_second_factor(principal, PASSWORD, key, "000000")
    accounts.sessions.set_second_factor(principal, PASSWORD, key, code_of(key, clock))
    with pytest.raises(StockadeError, match=r"signin\.code"):
        accounts.sessions.sign_in("ann", PASSWORD, "", "test")
    with pytest.raises(StockadeError, match=r"signin\.wrong"):
        accounts.sessions.sign_in("ann", PASSWORD, code_of(key, clock), "test")
    clock.pass_s(60)
    code = code_of(key, clock)
    assert accounts.sessions.sign_in("ann", PASSWORD, code, "test").principal.name == "ann"
    with pytest.raises(StockadeError, match=r"signin\.wrong"):
        accounts.sessions.sign_in("ann", PASSWORD, code, "test")
    accounts.sessions.remove_second_factor(principal, PASSWORD)
    assert accounts.sessions.sign_in("ann", PASSWORD, "", "test").principal.name == "ann"


def test_a_new_password_ends_all_other_sessions(accounts: Accounts) -> None:
    mine, other = a_session(accounts, "ann"), a_session(accounts, "ann")
    with pytest.raises(StockadeError, match=r"signin\.password"):
        accounts.sessions.change_password(mine.principal, "wrong", "eleven blue lanterns")
    accounts.sessions.change_password(mine.principal, PASSWORD, "eleven blue lanterns")
    assert accounts.sessions.principal(mine.token) is not None
    assert accounts.sessions.principal(other.token) is None
    assert accounts.sessions.sign_in("ann", "eleven blue lanterns", "", "test").principal.name == "ann"
