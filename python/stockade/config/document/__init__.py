"""Reads YAML and JSON written by people: strictly, with caps, and with the line of every value."""

from stockade.config.document.node import DocumentError, Limits, Node
from stockade.config.document.reader import read_file, read_text

__all__ = ["DocumentError", "Limits", "Node", "read_file", "read_text"]
