"""The script: scenarios in order, each with a client of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stockade.sample.traffic import access_attacks, contract_attacks, injections, ordinary, protocol_attacks
from stockade.sample.traffic.call import ATTACK, ORDINARY, Call
from stockade.sample.traffic.visitor import Visitor
from stockade.sample.traffic.wallet import Wallet

Steps = Callable[[Visitor, Wallet], Iterator[Call]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Some calls that belong together."""

    name: str
    """Name."""
    kind: str
    """`ordinary` or `attack`."""
    steps: Steps
    """Makes the calls."""


SCENARIOS = (
    Scenario("log in", ORDINARY, ordinary.log_in),
    Scenario("sign up", ORDINARY, ordinary.sign_up),
    Scenario("browse", ORDINARY, ordinary.browse),
    Scenario("search", ORDINARY, ordinary.search),
    Scenario("order and pay", ORDINARY, ordinary.order_and_pay),
    Scenario("write prose", ORDINARY, ordinary.write_prose),
    Scenario("own account", ORDINARY, ordinary.own_account),
    Scenario("partner", ORDINARY, ordinary.partner),
    Scenario("run the shop", ORDINARY, ordinary.run_the_shop),
    Scenario("SQL injection", ATTACK, injections.sql_injection),
    Scenario("cross-site scripting", ATTACK, injections.cross_site_scripting),
    Scenario("path traversal", ATTACK, injections.path_traversal),
    Scenario("command injection", ATTACK, injections.command_injection),
    Scenario("JNDI look-up", ATTACK, injections.jndi),
    Scenario("server-side request forgery", ATTACK, injections.request_forgery),
    Scenario("no or bad credential", ATTACK, access_attacks.credentials),
    Scenario("not for this caller", ATTACK, access_attacks.functions),
    Scenario("not of this caller", ATTACK, access_attacks.objects),
    Scenario("path tricks", ATTACK, access_attacks.path_tricks),
    Scenario("outside of the contract", ATTACK, contract_attacks.operations),
    Scenario("bad values", ATTACK, contract_attacks.values),
    Scenario("request smuggling", ATTACK, protocol_attacks.smuggling),
    Scenario("malformed HTTP", ATTACK, protocol_attacks.malformed),
    Scenario("password guessing", ATTACK, access_attacks.guessing),
)
"""The script. Guessing comes last, since it uses up what the login limit gives its address."""


def run(base_url: str, folder: Path, now: int) -> Iterator[Call]:
    """Play the script, and say what came of each call as soon as it is done.

    Args:
        base_url: where to call, such as `http://127.0.0.1:8080`.
        folder: the shop's data folder, for the partner's key and the shop's own.
        now: seconds since the epoch. Each second gives the clients other addresses (in 127.0.0.0/8), so that limits by
            address do not carry over from one run to the next.
    """
    wallet = Wallet.in_folder(folder, now)
    for number, scenario in enumerate(SCENARIOS):
        address = f"127.{16 + number}.{now >> 8 & 255}.{now & 255 or 1}"
        with Visitor(base_url, address, scenario.name, scenario.kind) as visitor:
            yield from scenario.steps(visitor, wallet)
