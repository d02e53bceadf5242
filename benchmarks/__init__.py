"""What we measure, and against what: `python -m benchmarks` runs all, `python -m benchmarks NAME --size N` one.

CPU seconds are counted and not the clock: our process's and the database server's are added, so that a figure does not
depend on how many cores there are nor on who else uses them. docs/performance.md holds the goals and the last figures.
"""
