"""A cluster for tests: none at all, or one whose envoy is written by hand."""

from __future__ import annotations

from imgqd.cluster import Cluster
from imgqd.config import ClusterSettings


def nobody() -> Cluster:
    """Return the cluster of settings that name none."""
    return Cluster(ClusterSettings(), lambda: 0.0, lambda: None)
