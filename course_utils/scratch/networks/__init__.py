"""Networks of several layers: activations, losses, graphs, and what can be built from units by hand."""
