"""What can go wrong, made on purpose; also what tests borrow: random models and servers of streams."""
