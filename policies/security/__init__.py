"""Policies on rights, addresses and encryption."""
