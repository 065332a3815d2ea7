"""How answers are judged, by rank and by how far the classes lie apart; and filters, by the waves that they pass."""
