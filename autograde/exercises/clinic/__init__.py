"""The debugging clinic, a section of lesson 7: six broken pieces to repair."""
