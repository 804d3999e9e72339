"""The example project on this machine as on several: server processes behind a balancer, Redis and PostgreSQL."""
