"""The example project on this machine as on several: server processes behind a balancer, Redis and PostgreSQL."""

from cluster.cluster import COLUMNS, Cluster

__all__ = ["COLUMNS", "Cluster"]
