"""The drawn kitchen: a script of actions from a seed, and the pictures of it."""
