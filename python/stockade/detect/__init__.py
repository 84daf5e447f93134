"""Sees what happens: takes in what gateways recorded."""
