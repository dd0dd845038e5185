"""What stands around every enqueue and every run; one concern a file."""
