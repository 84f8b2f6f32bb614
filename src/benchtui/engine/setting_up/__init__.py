"""Making what an account needs for benchtui, and taking it away again."""
