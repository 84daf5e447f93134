"""One file for each way of noticing abuse: `observe` sees every exchange, tells signals, and learns where it may."""
