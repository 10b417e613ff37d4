"""The reference implementations, one module per lesson, in the order of the course."""
