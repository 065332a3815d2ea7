"""Segmentation: a class for every pixel, from patches over fully convolutional networks to random fields (chapter 11)."""
