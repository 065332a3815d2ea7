"""How weights are drawn, and what becomes of a signal that passes through many layers of them (chapter 04b)."""
