"""Where student code runs: runners that open a process, and channels that talk to it."""
