"""Data that flows through the library: files in, files out."""
