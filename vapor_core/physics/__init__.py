"""The laws, each with its source."""
