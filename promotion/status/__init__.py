"""All stacks at one moment: what each runs, since when, and what it waits for."""
