"""Runs Python programs and policy packs for the engine where Pulumi's own host is missing."""
