"""First- and second-order optimisers as rules of a few lines (chapter 04)."""
