"""Detection, each piece readable, with its slow twin: boxes, overlaps, anchors, suppression, RoI pooling, detectors."""
