"""`python -m stockade`: the gateway process by a light path, everything else as the command `stockade`."""

import sys


def main(arguments: list[str]) -> int:
    """Run one command.

    The gateway process must stay small and start fast, and its supervisor starts it again and again. So
    `gateway --data DIR` imports nothing but the core; every other command line goes to `stockade.cli`.

    Args:
        arguments: The command line without the program's name.

    Returns:
        The exit code.
    """
    match arguments:
        case ["gateway", "--data", data]:
            from pathlib import Path

            from stockade.core import gateway

            return gateway.run(Path(data))
        case _:
            from stockade.cli import main as command_line

            sys.argv = ["stockade", *arguments]
            command_line()
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
