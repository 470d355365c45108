"""Policies on images, and on secrets in plain sight."""
