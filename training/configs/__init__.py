"""One file a configuration: each defines `get_config()`."""
