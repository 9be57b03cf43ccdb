"""Silver: contract in, typed, checked and versioned rows out; rejects to quarantine."""
