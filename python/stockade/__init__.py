"""Stockade: one platform that prevents, detects and responds to attacks on HTTP APIs."""
