"""The command line `stockade`: one file per noun; a command's modules are imported only when it is called."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typer import Typer

COMMANDS: Final = {
    "demo": "stockade.cli.demo",
    "run": "stockade.cli.run",
    "gateway": "stockade.cli.gateway",
    "control": "stockade.cli.control",
    "check": "stockade.cli.check",
    "events": "stockade.cli.events",
    "explain": "stockade.cli.explain",
    "decisions": "stockade.cli.decisions",
    "actors": "stockade.cli.actors",
    "incidents": "stockade.cli.incidents",
    "model": "stockade.cli.model",
    "apis": "stockade.cli.apis",
    "limits": "stockade.cli.limits",
    "learn": "stockade.cli.learn",
    "keys": "stockade.cli.keys",
    "vault": "stockade.cli.vault",
    "rules": "stockade.cli.rules",
    "contract": "stockade.cli.contract",
    "sim": "stockade.cli.sim",
    "policy": "stockade.cli.policy",
    "users": "stockade.cli.users",
    "tokens": "stockade.cli.tokens",
    "audit": "stockade.cli.audit",
    "bundles": "stockade.cli.bundles",
}
"""Commands in the order of the help, and the module that registers each."""


def main() -> None:
    """Run the command line on `sys.argv` and exit: 0 good, 1 found something, 2 wrong use, 3 could not decide."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        from stockade import __version__

        sys.stdout.write(f"stockade {__version__}\n")
        sys.exit(0)
    from stockade.cli.errors import WRONG_USE, run_guarded

    code = run_guarded(lambda: _dispatch(arguments or ["--help"]), wants_json="--json" in arguments)
    sys.exit(code if arguments else WRONG_USE)


def application(*wanted: str) -> Typer:
    """The command line.

    Args:
        wanted: names of the commands to register; all when empty.
    """
    import typer

    app = typer.Typer(name="stockade", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

    @app.callback()
    def options(
        version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
    ) -> None:
        """Protects HTTP APIs: prevents, detects and responds."""
        if version:
            from stockade import __version__

            typer.echo(f"stockade {__version__}")
            raise typer.Exit

    for name in wanted or COMMANDS:
        import_module(COMMANDS[name]).register(app)
    return app


def _dispatch(arguments: list[str]) -> object:
    from typer.main import get_command

    asked = [arguments[0]] if arguments[0] in COMMANDS else []
    return get_command(application(*asked)).main(args=arguments, prog_name="stockade", standalone_mode=False)
