"""The extension written in Rust (crates/python). Bytes in, bytes out; raises `stockade.core.errors.StockadeError`."""

from typing import final

__all__ = ["Engine", "run_gateway", "version"]

@final
class Engine:
    def __new__(cls, plan: bytes) -> Engine: ...
    @property
    def version(self) -> int: ...

def run_gateway(options: bytes) -> int: ...
def version() -> str: ...
