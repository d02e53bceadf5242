"""A stand-in for Amazon SES that shares no code with Posthouse, so that it can be its judge."""
