//! Builds the event of a finished exchange, masked.
