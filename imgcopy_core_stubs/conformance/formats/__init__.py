"""Read-backs of well-known formats, made with `json`, `os` and `tarfile` alone.

They serve the transports that come with imgcopy, and every other one that stores the same format.
"""
