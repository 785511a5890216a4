"""Stands in for rpy2, so that the worker is tested without R."""
