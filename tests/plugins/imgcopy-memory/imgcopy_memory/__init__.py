"""The transport `memory:PATH:NAME`: images that an SQLite file remembers under their names."""
