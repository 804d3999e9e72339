"""What helps a code base to move over to the one emitter."""
