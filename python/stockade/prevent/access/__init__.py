"""Policies in Cedar: read from files, and the schema that they are checked against."""
