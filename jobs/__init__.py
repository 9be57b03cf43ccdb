"""Entry points for `spark-submit` and the `assay` command: parse arguments, call one stage."""
