"""From the bucket to this machine: fetched beside the destination, verified, then moved into place."""
