"""What the gateway runs: config and specs compiled to one plan, signed into a bundle."""
