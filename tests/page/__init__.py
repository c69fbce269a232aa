"""The page of the lab in Chromium, opened as its users open it."""
