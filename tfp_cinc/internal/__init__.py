"""What the package needs and does not show."""
