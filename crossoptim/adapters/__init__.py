"""Adapters: programs that speak the protocol for libraries which are no dependency of this package. One file a library.

They run in processes of their own, because a library may need settings that hold for its whole process.
"""
