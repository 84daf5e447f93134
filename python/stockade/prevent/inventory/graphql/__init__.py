"""GraphQL: schemas and allowed documents as the gateway needs them."""
