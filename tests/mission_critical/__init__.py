"""What must never break again."""
