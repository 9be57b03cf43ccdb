"""A first configuration for files that nobody has described yet: look at them, propose, write."""
