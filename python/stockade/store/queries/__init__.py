"""Every question that may be asked of recorded events, by name, with typed parameters.

One statement serves DuckDB over Parquet and PostgreSQL. Console, command line and admin API ask nothing else.
"""
