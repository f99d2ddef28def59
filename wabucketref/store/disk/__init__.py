"""Files of this machine: opened without following links, written whole, errors in our kinds."""
