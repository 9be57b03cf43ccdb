"""The kernel of assay: configuration, sessions, tables, the ledger, errors and the command line."""

__version__ = "0.1.0"
