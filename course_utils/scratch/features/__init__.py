"""Descriptions of pictures, hand-made or learned: gradients, keypoints, codebooks, and what reads them."""
