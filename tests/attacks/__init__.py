"""Attacks on a real server: each is refused with its code, or changes nothing. SECURITY.md has the list."""
