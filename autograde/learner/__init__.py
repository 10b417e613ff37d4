"""What a learner uses: `check` in a notebook, the workspace, progress."""
