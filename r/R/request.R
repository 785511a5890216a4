# What the evaluators of a `run` request share: reading its tables, and collecting the answer.

events_at <- function(request, kind, step) {
  Filter(function(event) event$kind == kind && identical(as.numeric(event$step), as.numeric(step)), request$events)
}

happens <- function(request, kind, step) {
  length(events_at(request, kind, step)) > 0
}

param_names <- function(request) {
  vapply(request$params, function(param) param$name, "")
}

# Parameters whose gradient is None at a step.
without_gradient <- function(request, step) {
  frozen <- Filter(function(event) event$kind == "frozen", request$events)
  named_in(c(frozen, events_at(request, "none", step)))
}

# Parameters that take no part in the loss of a step.
unused <- function(request, step) {
  named_in(events_at(request, "unused", step))
}

named_in <- function(events) {
  as.character(unlist(lapply(events, function(event) event$params)))
}

read_golden <- function(request) {
  list(
    params = lapply(request$golden$params, lapply, read_row),
    state = lapply(request$golden$state, lapply, lapply, read_row)
  )
}

# Records one row a step for each tensor; a row that was never put is null.
new_tape <- function(request) {
  names <- param_names(request)
  empty <- vector("list", request$steps)
  rows <- function() stats::setNames(rep(list(empty), length(names)), names)
  columns <- list(params = rows(), gradients = rows(), gradients_after = rows())
  variables <- names(request$optimizer$state)
  state <- lapply(rows(), function(row) stats::setNames(rep(list(row), length(variables)), variables))
  loss <- empty
  put <- function(part, name, step, value, variable = NULL) {
    if (is.null(value)) {
      return(invisible())
    }
    if (part == "state") {
      state[[name]][[variable]][[step]] <<- value
    } else if (part == "loss") {
      loss[[step]] <<- value
    } else {
      columns[[part]][[name]][[step]] <<- value
    }
  }
  # `finish` turns the values of one column into rows for to_json().
  trajectory <- function(finish, finish_loss = identity) {
    list(
      params = lapply(columns$params, finish),
      state = lapply(state, lapply, finish),
      gradients = lapply(columns$gradients, finish),
      gradients_after = lapply(columns$gradients_after, finish),
      loss = finish_loss(loss)
    )
  }
  list(put = put, trajectory = trajectory)
}
