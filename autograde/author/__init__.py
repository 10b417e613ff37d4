"""What an author uses: the build, the stages of `course test`, the guard of saved outputs."""
