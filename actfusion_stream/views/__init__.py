"""What a person looks at: the terminal, plain lines, the overlay, and the words and colours they share."""
