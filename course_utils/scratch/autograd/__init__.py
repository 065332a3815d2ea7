"""Derivatives by the chain rule: engines on scalars and on tensors, gradient checks, checkpoints (chapter 03)."""
