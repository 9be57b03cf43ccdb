"""Gold: feature tables as of a time, and retrieval from them through Feast."""
