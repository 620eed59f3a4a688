"""A plugin that needs what is not there."""

raise ImportError("libexample.so.1: cannot open shared object file")
