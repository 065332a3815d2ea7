"""Fixed features, chosen or implied by a kernel, and the losses and solvers on top of them (chapter 01b)."""
