"""What is timed, and against which plain implementation."""
