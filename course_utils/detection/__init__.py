"""Detection, each piece readable and with its slow twin: boxes, overlaps, anchors, suppression, RoI pooling, detectors."""
