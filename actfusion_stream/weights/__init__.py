"""Weights as files: checkpoints, the catalogue of published ones, their cache and download."""
