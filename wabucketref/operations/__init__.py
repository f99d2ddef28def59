"""One module a use case. Each takes the workspace and plain values, returns a result, raises ``WaBucketError``."""
