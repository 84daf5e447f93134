"""Events in Parquet: written once, kept by age and size, read by DuckDB."""
