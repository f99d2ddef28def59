"""Garbage of a bucket: found by one listing, removed piece by piece, each looked at again right before."""
