"""How far does what a network says of a picture move when the picture moves? Layer by layer (chapter 06c)."""
