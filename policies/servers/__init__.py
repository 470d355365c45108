"""Reads the command lines of LLM servers."""
