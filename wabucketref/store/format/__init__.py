"""What lies in a bucket: where, and how it is written."""
