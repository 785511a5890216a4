library(testthat)
library(crossoptim)

test_check("crossoptim")
