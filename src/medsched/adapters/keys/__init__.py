"""Where master keys are kept: a file for development, and key services behind extras."""
