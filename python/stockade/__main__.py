"""`python -m stockade`: the gateway process by a light path, everything else as the command `stockade`."""

import sys


def main(arguments: list[str]) -> int:
    """Run one command.

    The gateway process must stay small and start fast, and it is started again and again by its supervisor. So
    `gateway --data DIR` imports nothing but the core; other commands go to `stockade.cli`.

    Args:
        arguments: The command line without the program's name.

    Returns:
        The exit code.
    """
    if len(arguments) == 3 and arguments[:2] == ["gateway", "--data"]:
        from pathlib import Path

        from stockade.core import gateway

        return gateway.run(Path(arguments[2]))
    from stockade.cli import main as command_line

    sys.argv = ["stockade", *arguments]
    command_line()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
