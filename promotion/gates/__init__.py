"""The gates of a promotion, one a file: what was seen, and whether it is enough."""
