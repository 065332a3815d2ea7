"""Convolution many times over: loops, matrices, transforms, and the layers between dense and shared."""
