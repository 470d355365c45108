"""Reads node groups, launch templates and how AWS sells them."""
