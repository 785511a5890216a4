# All texts in the code of this package: of its functions, of the methods of its classes, and of its lists.
texts <- function(x) {
  if (inherits(x, "R6ClassGenerator")) {
    x <- c(x$public_methods, x$private_methods, x$active)
  }
  if (is.function(x)) {
    return(texts(body(x)))
  }
  if (is.character(x)) {
    return(x)
  }
  if (is.call(x) || is.pairlist(x) || is.list(x)) unlist(lapply(as.list(x), texts))
}

test_that("every class of conditions has its line in ?crossoptim_conditions", {
  namespace <- asNamespace("crossoptim")
  said <- unlist(lapply(ls(namespace, all.names = TRUE), function(name) texts(get(name, namespace))))
  # The class of which this package's optimizers for R torch are; no condition.
  classes <- setdiff(grep("^crossoptim_[a-z_]+$", unique(said), value = TRUE), "crossoptim_optimizer")
  expect_true("crossoptim_value_error" %in% classes)
  page <- tools::Rd_db("crossoptim")[["crossoptim_conditions.Rd"]]
  skip_if(is.null(page), "the package is installed without its help")
  documented <- unlist(regmatches(as.character(page), gregexpr("crossoptim_[a-z_]+", as.character(page))))
  expect_identical(setdiff(classes, documented), character())
  expect_identical(setdiff(documented, c(classes, "crossoptim_conditions")), character())
})
