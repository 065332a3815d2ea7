"""Segmentation: a class for every pixel: patches, fully convolutional networks, random fields (chapter 11)."""
