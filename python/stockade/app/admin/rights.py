"""Who may do what: every operation of the admin API and every page of the console, and the right that it asks for.

This is the one place. An operation that is not named here keeps the program from starting.
"""

from __future__ import annotations

from collections.abc import Mapping

from stockade.app.accounts.principal import Right

_BY_RIGHT: Mapping[Right, tuple[str, ...]] = {
    Right.OPEN: (
        "healthz",
        "readyz",
        "sign_in",
        "accept_invitation",
        "begin_provider",
        "end_provider",
        "page_sign_in",
        "page_welcome",
        "asset",
    ),
    Right.SELF: (
        "session",
        "sign_out",
        "change_password",
        "begin_second_factor",
        "set_second_factor",
        "remove_second_factor",
        "list_sessions",
        "end_session",
        "list_tokens",
        "make_token",
        "revoke_token",
        "page_account",
        "page_forbidden",
    ),
    Right.READ: (
        "metrics",
        "status",
        "list_apis",
        "list_endpoints",
        "list_events",
        "show_event",
        "list_queries",
        "ask_query",
        "pivot",
        "list_decisions",
        "list_audit",
        "describe",
        "list_actors",
        "show_actor",
        "list_incidents",
        "show_incident",
        "show_model",
        "stream_events",
        "export_events",
        "show_policy",
        "page_overview",
        "page_incidents",
        "page_incident",
        "page_live",
        "page_events",
        "page_event",
        "page_inventory",
        "page_operation",
        "page_actors",
        "page_actor",
        "page_pivot",
        "page_decisions",
        "page_rules",
        "page_policy",
        "page_health",
        "page_audit",
    ),
    Right.DECIDE: ("take_decision", "undo_decision", "call_normal", "forget_normal"),
    Right.EDIT: (
        "read_policy",
        "check_policy",
        "change_policy",
        "show_version",
        "restore_version",
        "add_exception",
        "roll_model_back",
        "switch_decisions",
        "page_edit_policy",
        "page_version",
    ),
    Right.MANAGE: ("list_users", "invite_user", "change_user", "remove_user", "sign_checkpoint", "page_people"),
}

RIGHTS: Mapping[str, Right] = {operation: right for right, operations in _BY_RIGHT.items() for operation in operations}
"""The right that each operation asks for."""

FRESH_US = 30 * 60 * 1_000_000
"""How long ago a browser may have signed in for operations that ask for `manage`, microseconds (ASVS 7.5.1)."""
