"""One threshold unit and what learns it: the neuron, the perceptron rule and its relatives (chapter 01)."""
