"""Policies on what a stack costs."""
