"""Where frames come from: files, folders, cameras and streams, all as frames with a time in seconds."""
