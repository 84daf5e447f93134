"""The `admin` section: the admin API and the console."""

from pydantic import Field

from stockade.config.section import Section
from stockade.config.values import ListenAddress


class Admin(Section):
    """Where the control process serves health, the admin API and the console."""

    listen: ListenAddress = Field(default="127.0.0.1:9440", examples=["127.0.0.1:9440"])
    """`address:port` of the admin API. Keep it off public networks."""
