"""The native plane: objects of s3 and gs over connections of our own, without the clouds' SDKs."""
