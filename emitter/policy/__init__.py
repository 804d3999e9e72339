"""Who is who and what is allowed."""
