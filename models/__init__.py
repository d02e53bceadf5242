"""Nouns: SQLModel tables with their constraints and no behaviour."""
