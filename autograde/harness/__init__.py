"""All that may be beside a learner's code. Staged whole into the sandbox; imports nothing else of this package."""
