"""What an audit needs of the world: keys, places to ship entries to, and forms to report in."""
