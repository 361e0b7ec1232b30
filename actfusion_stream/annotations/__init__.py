"""Segments of videos in the files of other tools: one format a module, its reader beside its writer."""
