"""The web: searched by whoever the person chose, and read as text that says where it stands."""
