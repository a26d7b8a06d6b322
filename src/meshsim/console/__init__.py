"""Room console (floor 7): the terminal. The only room that prints, and reads files."""
