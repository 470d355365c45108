"""Policies on what objects are called."""
