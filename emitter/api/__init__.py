"""HTTP: thin views over the service and the log. Errors are ``application/problem+json`` with a stable code."""
