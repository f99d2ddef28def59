"""Results as text for people. Everything that came from outside is escaped before it reaches a terminal."""
