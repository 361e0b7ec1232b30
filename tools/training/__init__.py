"""What training is made of: presets, batches, the loop and its resuming."""
