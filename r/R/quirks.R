# The named departures of R's libraries, which the specification carries.

#' Known departures of R torch's optimizers
#'
#' Where an optimizer or a schedule of R torch departs from its equation, or from its namesake in PyTorch, the departure
#' has a name, and the specification predicts its numbers: `crossoptim check` judges the wrong value too.
#'
#' @param class The name of a class, e.g. `"optim_sgd"`, `"optim_ignite_adam"` or `"lr_step"`; `NULL` for all.
#' @param kind `"defect"`, `"choice"`, or both.
#' @return A data frame of class `known_quirks` with one row for each: `id`; `kind`; `title`, what happens; `advice`,
#'   what to do about it; `upstream`, the source line; `issue`, a public report, or `""`; `versions` of the library, and
#'   the lists `classes`, on which it bears, and `cases`, the golden cases that show it. Printed as text.
#' @examples
#' known_quirks("optim_sgd")
#' known_quirks("optim_adamw", "defect")$id
#' @export
known_quirks <- function(class = NULL, kind = c("defect", "choice")) {
  libraries <- Filter(function(library) identical(library$language, "R"), specification()$ecosystems)
  quirks <- do.call(c, unname(lapply(libraries, function(library) library$quirks)))
  classes <- unname(lapply(quirks, function(quirk) as.character(unlist(quirk$classes))))
  text <- function(field) vapply(quirks, function(quirk) as.character(quirk[[field]] %||% ""), "", USE.NAMES = FALSE)
  table <- data.frame(
    id = names(quirks), kind = text("kind"), title = text("title"), advice = text("advice"),
    upstream = text("upstream"), issue = text("issue"), versions = text("versions")
  )
  table$classes <- classes
  table$cases <- unname(lapply(quirks, function(quirk) as.character(unlist(quirk$cases))))
  check_choice("kind", kind, unique(table$kind))
  rows <- table$kind %in% kind
  if (!is.null(class)) {
    known <- unlist(lapply(libraries, function(library) c(names(library$classes), names(library$schedules))))
    if (!is.character(class) || length(class) != 1 || !class %in% known) {
      unknown_name("class", class, known, "crossoptim_unknown_optimizer")
    }
    rows <- rows & vapply(classes, function(names) class %in% names, NA)
  }
  structure(table[rows, ], class = c("known_quirks", "data.frame"))
}

#' @export
print.known_quirks <- function(x, ...) {
  if (!all(c("id", "kind", "title", "advice") %in% names(x))) {
    return(NextMethod())
  }
  lines <- function(text) strwrap(text, width = max(40, min(getOption("width"), 100)), indent = 2, exdent = 2)
  for (i in seq_len(nrow(x))) {
    head <- sprintf("%s (%s)", x$id[[i]], x$kind[[i]])
    cat(head, lines(x$title[[i]]), lines(paste("advice:", x$advice[[i]])), sep = "\n")
  }
  if (nrow(x) == 0) {
    cat("none\n")
  }
  invisible(x)
}

check_choice <- function(argument, value, choices) {
  if (!is.character(value) || length(value) == 0 || !all(value %in% choices)) {
    abort(
      sprintf("%s is %s (expected %s)", argument, deparse(value, nlines = 1)[1], paste(choices, collapse = " or ")),
      "crossoptim_value_error"
    )
  }
}
