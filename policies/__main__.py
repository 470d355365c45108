"""Serves the pack to the engine (`pulumi up --policy-pack policies`)."""

from policies.analyzer import serve
from policies.pack import Pack

serve(Pack())
