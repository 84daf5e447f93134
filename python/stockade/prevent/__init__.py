"""Prevent: what an API is, who may call it, and the policy that the gateway runs."""
