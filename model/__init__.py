"""Model: train, evaluate, gate, register and score."""
