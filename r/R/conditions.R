# Every error of this package is a `crossoptim_error` with a subclass that says what went wrong.
abort <- function(message, class, ...) {
  stop(errorCondition(message, ..., class = c(class, "crossoptim_error")))
}

# An implementation lacks what was asked: an outcome of its own, not an error.
unsupported <- function(reason) {
  abort(reason, "crossoptim_unsupported")
}
