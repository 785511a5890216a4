"""Runners: one protocol, one adapter for each implementation."""
