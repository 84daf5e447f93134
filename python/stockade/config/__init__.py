"""The config: what a Stockade is told, in one file that is checked before anything starts or changes."""

from stockade.config.api import Api
from stockade.config.loaded import ConfigError, Loaded
from stockade.config.loader import load, loads
from stockade.config.quick import quick
from stockade.config.root import Config
from stockade.config.sources import Sources

__all__ = ["Api", "Config", "ConfigError", "Loaded", "Sources", "load", "loads", "quick"]
