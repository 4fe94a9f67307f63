"""The commands that write pictures made with a trained flow."""
