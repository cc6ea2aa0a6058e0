"""Values, protocols and errors that every layer shares; nothing here opens or owns anything."""
