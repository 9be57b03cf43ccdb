"""Bronze: land raw records as Delta, each record once, as it came."""
