"""The `admin` section: the admin API and the console."""

from typing import Annotated

from pydantic import Field

from stockade.config.section import Section
from stockade.config.values import HostPattern, ListenAddress


class Admin(Section):
    """Where the control process serves health, the admin API and the console."""

    listen: ListenAddress = Field(default="127.0.0.1:9440", examples=["127.0.0.1:9440"])
    """`address:port` of the admin API. Keep it off public networks."""
    hosts: Annotated[tuple[HostPattern, ...], Field(max_length=100, strict=False)] = Field(
        default=(), examples=[["stockade.internal"]]
    )
    """Further names that the `Host` of an admin request may have; loopback names and `listen` are always taken."""
