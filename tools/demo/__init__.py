"""How the bundled kitchen model is made, and scored on one video."""
