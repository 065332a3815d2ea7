"""Descriptions of pictures, made by hand or learned: gradients, keypoints, codebooks, and what reads them (chapter 00b)."""
