"""moto, behind a key of the sandbox's own, with a journal that survives a kill."""
