"""Waivers of the stack, and the policy on them."""
