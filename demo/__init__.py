"""What the demo needs beyond the product: real records replayed as daily feeds."""
