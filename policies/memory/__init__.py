"""Policies on host memory and GPU memory."""
