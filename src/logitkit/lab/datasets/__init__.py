"""A user's scores and labels: read from a file, summed up, and told by bins of confidence.

The rows are read once and dropped; what is kept of a file is a few thousand counts.
"""
