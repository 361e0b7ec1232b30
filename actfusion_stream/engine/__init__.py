"""From frames to what is said of them: weights on a device, the state of each source, ticks, segments."""
