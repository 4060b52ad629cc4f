"""What only this project's developers use; nothing of it is shipped, and the factory knows nothing of it."""
