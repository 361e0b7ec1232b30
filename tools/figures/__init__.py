"""What a log of events says, and its pictures."""
