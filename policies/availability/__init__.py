"""Policies on starting, ending, rolling over and getting nodes at all."""
