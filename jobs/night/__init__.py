"""A night: its stages, and what each of them does."""
