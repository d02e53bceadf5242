"""Steps: load, decide, act, record. One task is one retryable step over thousands of rows, never a recipient."""
