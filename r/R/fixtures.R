# The specification and the golden fixtures, which the package carries as one compressed file: a line a fixture, its
# name, a tab, its JSON.

read_once <- new.env(parent = emptyenv())

# The lines by name, read at first use.
fixture_lines <- function() {
  if (is.null(read_once$lines)) {
    path <- system.file("extdata", "fixtures.jsonl.xz", package = "crossoptim", mustWork = TRUE)
    file <- xzfile(path, "rt", encoding = "UTF-8")
    on.exit(close(file))
    lines <- readLines(file, warn = FALSE)
    tab <- regexpr("\t", lines, fixed = TRUE)
    read_once$lines <- stats::setNames(substr(lines, tab + 1L, nchar(lines)), substr(lines, 1L, tab - 1L))
  }
  read_once$lines
}

fixture_names <- function() {
  setdiff(names(fixture_lines()), "spec")
}

# One fixture file as lists; its numbers are read with read_row() and read_number().
fixture <- function(name) {
  lines <- fixture_lines()
  if (!is.character(name) || length(name) != 1 || !name %in% names(lines)) {
    abort(
      sprintf("there is no fixture '%s' (expected one of golden_cases())", format(name)[1]),
      "crossoptim_unknown_case"
    )
  }
  from_json(lines[[name]])
}

#' The specification
#'
#' What the package knows of optimizers, as it is exported from crossoptim's Python package: equations as expression
#' text, hyperparameters, state, published variants, problems, schedules, and what each library calls them.
#'
#' @return A list, the contents of `spec.json`: `rules` (an optimizer's name to its hyperparameters, switches and
#'   state), `equations` (for [reference_step()] and [reference_scalars()]; `rule` and `when` say whose each is and for
#'   which settings), `schedules`, `problems`, `ecosystems` (a library's classes, and its departures; see
#'   [known_quirks()]), and `flags` (what can go wrong in a golden case).
#' @examples
#' names(specification()$rules)
#' Filter(function(equation) equation$rule == "lion", specification()$equations)[[1]]$update
#' @export
specification <- function() {
  if (is.null(read_once$specification)) {
    read_once$specification <- fixture("spec")
  }
  read_once$specification
}
