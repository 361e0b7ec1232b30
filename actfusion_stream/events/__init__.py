"""What the stream says to programs: its records, and what a reader makes of them."""
