"""What shortcuts do to signals, gradients, paths and depth, on stacks small enough to look into (chapter 07b)."""
