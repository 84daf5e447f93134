"""Where credentials may stand."""

COOKIE_OR_PARAMETER = r"^[A-Za-z0-9_.~-]{1,100}$"
"""Names of cookies and query parameters."""
