"""Where results go: one protocol, and what speaks it: annotated video, events, segments, metrics."""
