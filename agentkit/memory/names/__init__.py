"""Names of people, places and things in what is said."""
