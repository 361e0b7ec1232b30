"""Datasets and annotations as files: the MS-TCN layout, CSV and ELAN."""
