"""What is made from an equation's graph: :mod:`.latex` for readers, :mod:`.document` for programs in any language."""
