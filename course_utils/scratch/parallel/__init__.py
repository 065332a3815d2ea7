"""One network on several processes."""
