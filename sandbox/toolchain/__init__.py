"""Gets the tools: pinned Go modules, built once, kept outside the checkout."""
