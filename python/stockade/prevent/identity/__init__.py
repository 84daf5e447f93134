"""What identity needs from the outside world: key sets, and servers that know tokens."""
