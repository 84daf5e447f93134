"""The shop's tokens prove what they say, and nothing else does."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stockade.sample.tokens import LIFETIME_S, Issuer, TokenError

NOW = 1_800_000_000


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer.in_folder(tmp_path_factory.mktemp("keys"))


def test_a_token_is_good_until_it_ends(issuer: Issuer) -> None:
    token = issuer.issue("3", "customer", NOW)
    assert issuer.verify(token, NOW)["sub"] == "3"
    assert issuer.verify(token, NOW + LIFETIME_S - 1)["roles"] == ["customer"]
    with pytest.raises(TokenError, match="ended"):
        issuer.verify(token, NOW + LIFETIME_S)


def test_the_key_stays_and_only_its_public_half_is_told(tmp_path: Path) -> None:
    first = Issuer.in_folder(tmp_path)
    token = first.issue("1", "admin", NOW)
    assert Issuer.in_folder(tmp_path).verify(token, NOW)["sub"] == "1"
    (key,) = json.loads((tmp_path / "jwks.json").read_text())["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert (tmp_path / "shop.key").stat().st_mode & 0o777 == 0o600


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 400), st.sampled_from("ABCxyz019-_.="))
def test_a_changed_token_proves_nothing(issuer: Issuer, place: int, letter: str) -> None:
    token = issuer.issue("3", "customer", NOW)
    place %= len(token)
    changed = token[:place] + letter + token[place + 1 :]
    # The last letter of a part has bits that are not part of the value.
    last = {token.index(".") - 1, token.rindex(".") - 1, len(token) - 1}
    if changed == token or place in last:
        return
    with pytest.raises(TokenError):
        issuer.verify(changed, NOW)


@given(st.text(max_size=60))
def test_any_text_is_refused(text: str) -> None:
    issuer = Issuer.__new__(Issuer)
    with pytest.raises((TokenError, AttributeError)):
        issuer.verify(text, NOW)
