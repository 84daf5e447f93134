"""What is done with something that a contract does not name."""

from typing import Literal

Unknown = Literal["refuse", "pass"]
"""What is done with something that the contract does not name."""
