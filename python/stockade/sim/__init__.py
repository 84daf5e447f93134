"""A world to measure in: an API with owners, its ordinary people with all their awkwardness, and campaigns of abuse.

Seeded, on a clock of its own, and writing the events that a gateway would write. Catalogue, population and campaigns
are files, so that others can be given. Nothing of it is read by what detects.
"""
