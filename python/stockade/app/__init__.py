"""Builds everything from config and runs it: the supervisor, the control process, explain and the demo."""
