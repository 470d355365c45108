"""A look at the account before `pulumi up`: reads only, and changes nothing.

One module a check, each with its CHECK; `run.py` runs them in order.
"""
