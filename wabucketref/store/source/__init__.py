"""The user's files: found, filtered, opened and read, never trusted to stay as they were."""
