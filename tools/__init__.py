"""What builds, measures and checks the course. Not installed: run from a clone with ``python -m tools.NAME``."""
