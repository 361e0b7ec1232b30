"""What one types to train, evaluate, extract, convert and measure; each command is one short file."""
