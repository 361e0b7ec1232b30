"""What scoring is made of: protocols, metrics, baselines and the online replay."""
