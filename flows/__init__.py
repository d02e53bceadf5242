"""Order: which steps, in what order, for whom. A flow reads like a table of contents."""
