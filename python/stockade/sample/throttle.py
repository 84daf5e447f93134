"""Slows down the guessing of passwords."""

from collections import OrderedDict

FAILURES = 10
"""Failures in a row after which an account has to wait."""
WAIT_S = 300
"""How long, seconds."""

_MOST_ACCOUNTS = 10_000


class Throttle:
    """Counts failed logins for each account; the oldest are forgotten when there are too many."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def wait_s(self, account: str, now: int) -> int:
        """Seconds until this account may try again; 0 when it may."""
        count, since = self._failures.get(account, (0, now))
        return max(0, since + WAIT_S - now) if count >= FAILURES else 0

    def failed(self, account: str, now: int) -> None:
        """Note a failed login."""
        count, since = self._failures.pop(account, (0, now))
        if now - since >= WAIT_S:
            count = 0
        self._failures[account] = (count + 1, now)
        while len(self._failures) > _MOST_ACCOUNTS:
            self._failures.popitem(last=False)

    def succeeded(self, account: str) -> None:
        """Forget the failures of an account."""
        self._failures.pop(account, None)
