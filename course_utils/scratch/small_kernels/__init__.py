"""What a stack of small kernels can do in place of one large kernel, and what it cannot (chapter 06c)."""
