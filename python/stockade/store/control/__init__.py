"""Control data: people, invitations, sessions and tokens, in SQLite or PostgreSQL."""
