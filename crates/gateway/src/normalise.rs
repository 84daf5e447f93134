//! From a parsed head to the one canonical request.
