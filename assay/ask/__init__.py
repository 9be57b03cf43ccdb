"""Questions in SQL to the lakehouse's tables: by Spark, or by DuckDB without Java where both give the same answer."""
