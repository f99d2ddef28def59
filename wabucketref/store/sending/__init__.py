"""From this machine to the bucket: upload and link, up to the commit."""
