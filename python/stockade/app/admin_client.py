"""Asks the admin API of a running control process, found by its data folder."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

from stockade.app.acting import acting_user
from stockade.app.token import read
from stockade.core.errors import StockadeError
from stockade.store.folder import DataFolder, read_json

ANSWER_BYTES = 64 * 1024 * 1024
"""Longest answer that is read."""


class AdminClient:
    """The admin API of one data folder.

    Args:
        data: the data folder; control has left its address and token there.
        timeout_s: seconds a question may take.
    """

    def __init__(self, data: Path, timeout_s: float = 10.0) -> None:
        self._folder = DataFolder(data)
        self._timeout_s = timeout_s

    @property
    def address(self) -> str:
        """`address:port` of the admin API.

        Raises:
            StockadeError: control does not run on this folder.
        """
        state = read_json(self._folder.control_state) or {}
        address = state.get("admin")
        if not isinstance(address, str):
            raise StockadeError(
                "admin.not_running",
                f"no control process runs on data folder `{self._folder.path}`",
                "start it with `stockade run`, or name the right folder with `--data`",
            )
        return address

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Send one request.

        Args:
            method: HTTP method.
            path: path below the address, with its query.
            body: JSON value.

        Returns:
            The JSON object that was answered.

        Raises:
            StockadeError: control does not answer, or refuses; with the code it named.
        """
        token = read(self._folder.admin_token)
        address = self.address
        acting = acting_user().encode("ascii", "replace").decode()
        headers = {"authorization": f"Bearer {token}", "accept": "application/json", "x-stockade-by": acting}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["content-type"] = "application/json"
        host, _, port = address.rpartition(":")
        connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=self._timeout_s)
        try:
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            answer = json.loads(response.read(ANSWER_BYTES))
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise StockadeError(
                "admin.unreachable",
                f"the control process does not answer on `{address}`: {error}",
                "look at its log; `stockade run` starts it again by itself",
            ) from error
        finally:
            connection.close()
        if response.status >= 400:
            problem = answer.get("error", {})
            # Codes of the API keep their meaning; anything else is named after the API.
            code = str(problem.get("code") or f"admin.{response.status}")
            raise StockadeError(code, str(problem.get("message")), problem.get("hint"))
        return dict(answer)
