"""Grading: marks, visible checks, hidden tests and the narrow call between them and a student's code."""
