"""What a convolution can vary: stride, holes, groups, dimensions, sampling points and what it sees (chapter 05b)."""
