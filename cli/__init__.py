"""`moe`: the command line of the project."""
