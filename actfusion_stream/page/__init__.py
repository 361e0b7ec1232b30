"""A page to watch in a browser: the picture, now, next, the timeline, and how the stream is doing."""
