"""From the spool into the archive, and to everybody who wants to hear of it."""
