"""What is done while an attack runs: actions that expire, are counted first and can be undone."""
