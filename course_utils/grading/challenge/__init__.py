"""Data challenges: predictions as a CSV file, scored against labels that stay with the instructor."""
