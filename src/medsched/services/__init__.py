"""The use cases: read, decide, apply. A file per capability."""
