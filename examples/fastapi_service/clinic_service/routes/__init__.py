"""The endpoints. Each translates, calls one service of the library, and translates back."""
