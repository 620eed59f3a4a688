"""The subcommands, a module for each, imported when they are used."""
