"""The outside: Amazon, files, the environment, the embedded database. Foreign words are translated here, once."""
