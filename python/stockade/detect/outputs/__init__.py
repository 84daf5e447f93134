"""Tells others of events: files, syslog, webhooks, OpenTelemetry. One file for each kind."""
