"""Who may use the admin API and the console: people, sessions, tokens."""
