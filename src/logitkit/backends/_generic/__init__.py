"""What the backends beside NumPy's share: the checks of the arguments, and the verbs over them."""
