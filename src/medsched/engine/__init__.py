"""The decisions of scheduling: pure functions over the nouns."""
