"""Does an operation commute with moving, turning or scaling the picture? Measured (chapter 05d)."""
