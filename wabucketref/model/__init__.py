"""The nouns of the program: frozen values without I/O, shared by every floor above."""
