#' The conditions of this package
#'
#' Every error that this package makes has the class `crossoptim_error` and one of those below, so that a caller can
#' tell them apart: `tryCatch(..., crossoptim_unsupported = function(e) ...)`. Its message is one sentence: what, where,
#' and what was expected.
#'
#' @section What was asked:
#' * `crossoptim_value_error`: an argument is not what it must be. Nothing was changed.
#' * `crossoptim_unknown_case`, `crossoptim_unknown_optimizer`: no golden case, or no optimizer or class, has this name;
#'   `near` holds names that are like it.
#' * `crossoptim_unsupported`: the implementation lacks what was asked, such as an option, an event or a dtype. An
#'   outcome, not a failure: [expect_trajectory()] skips. Two of its kind say what is missing on this machine:
#'   `crossoptim_torch_missing`, R torch or its libtorch; `crossoptim_needs_python`, a judgement that only Python's side
#'   makes.
#'
#' @section R torch:
#' * `crossoptim_torch_error`: an optimizer of R torch raised an error in a run; the message names the step,
#'   `error_class` is the class of the error, `calls` where it arose.
#' * `crossoptim_slow`, a warning, and `crossoptim_no_kernels`, its reason, which is caught: no kernels can be compiled
#'   on this machine, so that our optimizers run on R torch's operations.
#'
#' @section Python:
#' * `crossoptim_python_error`: there is no Python, or none with crossoptim.
#' * `crossoptim_child_error`: the Python process ended, hangs or talks nonsense, and is gone; `stderr` holds what it
#'   said. `crossoptim_timeout_error` is the one that hangs.
#' * `crossoptim_protocol_error`: that crossoptim speaks another version of the protocol.
#' * `crossoptim_remote_error`: Python refused; `remote_class` is the exception's class, `traceback` its traceback.
#'
#' @section Files:
#' * `crossoptim_file_error`: a file is missing, damaged, or something else than a state.
#' * `crossoptim_state_mismatch`: a saved state does not fit the optimizer; `differences` lists all that differs.
#'
#' @section The protocol:
#' These become answers of [handle()] and [serve()]; an R session sees them where an equation or a request of its own is
#' wrong.
#' * `crossoptim_json_error`: text that is not JSON, or a value that JSON cannot hold.
#' * `crossoptim_request_error`: a request without what it must have.
#' * `crossoptim_expression_error`: text that is no expression of the specification.
#' @examples
#' tryCatch(
#'   read_case("adam/amsgrad-ravin-f64"),
#'   crossoptim_unknown_case = function(e) e$near
#' )
#' @name crossoptim_conditions
NULL

# Every error of this package is a `crossoptim_error` with a subclass that says what went wrong.
abort <- function(message, class, ...) {
  stop(errorCondition(message, ..., class = c(class, "crossoptim_error")))
}

# An implementation lacks what was asked: an outcome of its own, not an error.
unsupported <- function(reason) {
  abort(reason, "crossoptim_unsupported")
}

# A name that is not in a list, with those of the list that are near it; `expected` says where the list is long.
unknown_name <- function(kind, name, known, class, expected = paste("one of", toString(known))) {
  shown <- if (is.character(name) && length(name) == 1) sprintf("'%s'", name) else deparse(name, nlines = 1)[1]
  near <- nearest(name, known)
  hint <- if (length(near) > 0) {
    sprintf("did you mean %s?", paste0("'", near, "'", collapse = ", "))
  } else {
    paste("expected", expected)
  }
  abort(sprintf("there is no %s %s (%s)", kind, shown, hint), class, near = near)
}

# At most three names of which a misspelling may be one, or a part of one; nearest first.
nearest <- function(name, known) {
  if (!is.character(name) || length(name) != 1 || is.na(name) || !nzchar(name)) {
    return(character())
  }
  whole <- utils::adist(name, known, ignore.case = TRUE)[1, ]
  part <- utils::adist(name, known, ignore.case = TRUE, partial = TRUE)[1, ]
  near <- pmin(whole, part) <= nchar(name) %/% 3
  utils::head(known[near][order(part[near], whole[near])], 3)
}
