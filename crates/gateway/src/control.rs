//! The control socket: reload, decisions, status, drain; one JSON object a line.
