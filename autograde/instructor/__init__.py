"""What an instructor uses: collecting, the class list, grading, report, feedback, export."""
