"""A host of medsched's: it bills visits, and has tables and migrations of its own."""
