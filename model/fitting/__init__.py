"""Fitting boosted trees: by Spark tasks that train together, or in this process from files."""
