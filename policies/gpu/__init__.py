"""Policies on GPUs: how many, cut how, on which nodes."""
