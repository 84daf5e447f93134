"""What is kept on disk: the data folder, events of the spool, active decisions."""
