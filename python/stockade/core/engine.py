"""The engine: from a request to a verdict, exactly as the gateway does it."""

from stockade.core import _native


class Engine:
    """A compiled plan, and what it remembers between calls (limits, verified tokens)."""

    def __init__(self, plan: bytes) -> None:
        """Compile a plan.

        Args:
            plan: A plan as JSON, as in a bundle's payload.

        Raises:
            StockadeError: `plan.json` when it is not a plan, `plan.setting` when a setting does not compile.
        """
        self._native = _native.Engine(plan)

    @property
    def version(self) -> int:
        """The version of the plan."""
        return self._native.version
