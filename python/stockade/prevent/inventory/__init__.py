"""Inventory: the operations of an API, from its own documents."""
