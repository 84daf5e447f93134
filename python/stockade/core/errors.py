"""What the core raises."""


class StockadeError(Exception):
    """An error of the core: a stable code, what was expected and what came, and what to do about it.

    Attributes:
        code: Stable and documented, such as `plan.setting`.
        message: What was expected and what came, on one line.
        hint: What to do about it, when there is something to say.
    """

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(code, message, hint)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"
