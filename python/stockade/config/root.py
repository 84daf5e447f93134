"""The whole config file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from stockade.config.acme import Acme
from stockade.config.admin import Admin
from stockade.config.api import Api
from stockade.config.behaviour import Behaviour
from stockade.config.events import Events
from stockade.config.gateway import Gateway
from stockade.config.outputs import Output
from stockade.config.section import Section
from stockade.config.values import ConfigPath, Name


class Config(Section):
    """Everything that a Stockade is told. Frozen: a change makes a new one."""

    version: Literal[1] = 1
    """Version of this file's shape."""
    gateway: Gateway = Gateway()
    """Sockets, TLS, HTTP limits, deadlines and spool."""
    admin: Admin = Admin()
    """Admin API and console."""
    events: Events = Events()
    """How long recorded events are kept, and how."""
    behaviour: Behaviour = Behaviour()
    """What each actor usually does, and what happens to those who do otherwise."""
    acme: Acme | None = None
    """The authority that certificates are obtained from."""
    outputs: Annotated[Mapping[Name, Output], Field(max_length=32)] = Field(
        default={}, examples=[{"siem": {"to": "syslog+tls://siem.example:6514"}}]
    )
    """Who else is told of events, by name."""
    data: ConfigPath = Field(default=Path("stockade-data"), examples=["/var/lib/stockade"])
    """Folder for bundles, keys, events and databases; made when it is not there."""
    apis: Annotated[Mapping[Name, Api], Field(min_length=1, max_length=1000)] = Field(
        examples=[{"shop": {"upstream": "http://127.0.0.1:9000"}}]
    )
    """APIs by name. A request goes to the one whose host and base path fit, longest base path first."""
