"""The terminal door: the `posthouse` command."""
