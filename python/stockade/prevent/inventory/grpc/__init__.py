"""gRPC: services and message types as the gateway needs them."""
