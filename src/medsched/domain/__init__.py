"""The nouns of scheduling: frozen, validated at the door, knowing nothing of stores."""
