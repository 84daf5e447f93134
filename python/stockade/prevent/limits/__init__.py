"""Limits that fit the traffic there is."""
