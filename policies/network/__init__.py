"""Policies on EFA, and on what engines across nodes say to each other."""
