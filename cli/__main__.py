"""`python -m cli`: the `posthouse` command, for those who start it with a Python of their choice."""

from cli.main import run


run()
