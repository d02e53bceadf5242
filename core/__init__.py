"""The functional core: what can be decided without touching anything.

1. Values in, values out. No I/O, not even reading the clock: `now`, the quota and the random number are arguments.
2. Imports nothing of ours, nor Prefect, SQL, Amazon or the web.
3. Foreign words stop in `events`; the rest speaks the glossary (docs/glossary.md).
4. Every module opens with a card: summary, why, Terms, Invariants, Standards.
"""
