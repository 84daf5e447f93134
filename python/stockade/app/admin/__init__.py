"""The admin API: HTTP on a loopback address, for operators and their tools."""
