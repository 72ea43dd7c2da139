"""What users import in their own tests; each module says which extra it needs."""
