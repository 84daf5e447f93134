"""How the tables of control data came to be, a step a file."""
