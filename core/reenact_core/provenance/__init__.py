"""How a file says that it is synthetic: signed credentials, XMP, a comment; written and read."""
