"""The commands, one a file; each file has its click command under the name ``command``."""
