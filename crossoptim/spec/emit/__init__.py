"""What is made from the specification: :mod:`.latex` for readers, :mod:`.document` for programs, :mod:`.generated` lists the R code."""
