"""Pictures to features: networks, optical flow, the windows they read. Knows no files, models or screens."""
