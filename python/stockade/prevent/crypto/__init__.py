"""Encryption at rest: keys that encrypt keys, sealed values, the vault."""
