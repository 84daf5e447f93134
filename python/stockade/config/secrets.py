"""Reads what references to secrets name: variables, files, the output of commands, entries of the vault."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from stockade.config.values.secret import Reference, SecretError

VaultReader = Callable[[Path, str], str]
"""Answers for one entry of the vault of a data folder; raises `SecretError`."""

_LARGEST = 64 * 1024


class SecretReader:
    """Reads secrets for one config, and remembers which files it read."""

    def __init__(
        self, environment: Mapping[str, str], folder: Path, data: Path | None = None, vault: VaultReader | None = None
    ) -> None:
        """Read from these variables, and files relative to this folder.

        Args:
            environment: variables, for `env` and for commands.
            folder: folder of the config file; commands run in it.
            data: data folder, for `vault`.
            vault: reads its entries; without it there are none.
        """
        self._environment = environment
        self._folder = folder
        self._data = data
        self._vault = vault
        self.files: set[Path] = set()
        """Files that were read; a change of one asks for the config to be loaded again."""

    def read(self, reference: Reference) -> str:
        """The secret.

        Raises:
            SecretError: it is not there, too large, or not text.
        """
        match reference.kind:
            case "env":
                return self._variable(reference.words[0])
            case "file":
                return self._file(reference.words[0])
            case "command":
                return self._command(reference)
            case "vault":
                return self._entry(reference.words[0])

    def _variable(self, name: str) -> str:
        value = self._environment.get(name)
        if value is None:
            expected = f"expected the environment variable `{name}` to be set"
            raise SecretError(expected, f"set it before starting: `export {name}=...`")
        return value

    def _file(self, name: str) -> str:
        hint = "the path is relative to the folder of the config file"
        expected = f"expected a small text file at `{name}`"
        try:
            file = self._folder / Path(name).expanduser()
            self.files.add(file)
            with file.open("rb") as stream:
                data = stream.read(_LARGEST + 1)
        except (OSError, ValueError, RuntimeError) as error:
            problem = (getattr(error, "strerror", None) or "not a path").lower()
            raise SecretError(f"{expected}, got: {problem}", hint) from None
        return _text(data, expected, hint)

    def _entry(self, name: str) -> str:
        if self._vault is None or self._data is None:
            raise SecretError("expected a data folder with a vault", "set `data` to the folder")
        # The vault changes, and so does the answer, by this one file.
        self.files.add(self._data / "vault.json")
        return self._vault(self._data, name)

    def _command(self, reference: Reference) -> str:
        program = reference.words[0]
        expected = f"expected the secret from the command `{program}`"
        hint = "it must end with 0 in time, and write the secret alone to standard output"
        # A program with a `/` in it stands beside the config; another is looked for in PATH.
        words = [str(self._folder / program) if "/" in program else program, *reference.words[1:]]
        try:
            # Its errors may tell secrets, so nobody gets to see them.
            process = subprocess.Popen(  # noqa: S603  # no shell; the config names what runs, as a service file does
                words,
                cwd=self._folder,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            problem = (getattr(error, "strerror", None) or "cannot be started").lower()
            raise SecretError(f"{expected}, got: {problem}", "name a program that can be run") from None
        try:
            data = _output(process, time.monotonic() + reference.wait.ms / 1000)
        except TimeoutError:
            raise SecretError(f"{expected} within {reference.wait}, got nothing in that time", hint) from None
        finally:
            _end(process)
        if len(data) <= _LARGEST and process.returncode != 0:
            raise SecretError(f"{expected}, got exit code {process.returncode}", hint)
        return _text(data, expected, hint)


def _output(process: "subprocess.Popen[bytes]", deadline: float) -> bytes:
    """What a process writes until it ends, or until that is too much."""
    stream = process.stdout
    if stream is None:
        return b""
    received = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise TimeoutError
            part = os.read(stream.fileno(), 8192)
            if not part:
                break
            received += part
            if len(received) > _LARGEST:
                return bytes(received)
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return bytes(received)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Nothing that a command started outlives its answer."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    if process.stdout is not None:
        process.stdout.close()
    process.wait()


def _text(data: bytes, expected: str, hint: str) -> str:
    if len(data) > _LARGEST:
        raise SecretError(f"{expected}, got more than {_LARGEST} bytes", hint)
    try:
        text = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretError(f"{expected}, got bytes that are not UTF-8", hint) from None
    if not text:
        raise SecretError(f"{expected}, got nothing", hint)
    return text
