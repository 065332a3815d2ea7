"""Changes that keep the label: geometry, light, colour, and crops (chapter 04e)."""
