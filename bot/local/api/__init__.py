"""The methods of the local Bot API server."""
