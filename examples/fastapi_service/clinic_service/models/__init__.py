"""What goes over the wire, as documented: requests refuse every field they do not know."""
