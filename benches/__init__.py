"""Measurements: each file asks one question and answers it with a ratio taken in one run."""
