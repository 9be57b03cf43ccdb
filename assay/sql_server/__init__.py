"""Spark's Thrift server over the tables, for tools that speak JDBC or ODBC: with a password, and to read alone."""
