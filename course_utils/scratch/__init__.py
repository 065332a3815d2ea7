"""Teaching implementations, one concept a module: loops first, arrays second, the library as referee."""
