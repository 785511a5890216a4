library(testthat)
library(crossoptim)

test_check("crossoptim", stop_on_warning = TRUE)
