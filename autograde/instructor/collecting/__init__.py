"""Taking submissions in, one module for each question: whose is it, which file is the notebook, where is it stored."""
