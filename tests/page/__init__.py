"""The page in a browser: each test opens it as a user does, in Chromium, on a server of its own kind."""
