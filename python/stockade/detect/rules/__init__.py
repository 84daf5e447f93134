"""Detection rules as data: conditions over fields, counts, sequences and lists; and Sigma rules unmodified."""
