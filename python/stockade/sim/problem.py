"""What is wrong with a file that a simulation was given."""


class SimProblemError(Exception):
    """A file cannot be used; the message says which, where and what was expected."""
