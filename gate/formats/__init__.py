"""A report as a person, a pull request or a machine reads it; one format a file."""
