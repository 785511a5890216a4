# The specification's equations in base R, without torch. In float64, plain double arithmetic in the
# written order; in float32, each operation is rounded: both are NumPy's results bit for bit.

float32 <- function(x) {
  readBin(writeBin(as.double(x), raw(), size = 4L), "double", length(x), size = 4L)
}

rounding <- function(dtype) {
  keep_shape <- function(round) {
    function(x) {
      out <- round(x)
      dim(out) <- dim(x)
      out
    }
  }
  switch(dtype,
    float32 = keep_shape(float32),
    float64 = keep_shape(as.double),
    abort(sprintf("dtype '%s' is not float32 or float64", dtype), "crossoptim_value_error")
  )
}

reference_functions <- function(dtype) {
  round <- rounding(dtype)
  arithmetic <- function(f) spread(function(a, b) round(f(a, b)))
  # As in Python, a comparison with NaN is false.
  comparison <- function(f) {
    function(a, b) {
      out <- f(a, b)
      out & !is.na(out)
    }
  }
  where <- function(condition, a, b) {
    sizes <- c(length(condition), length(a), length(b))
    size <- if (any(sizes == 0)) 0 else max(sizes)
    out <- rep_len(b, size)
    chosen <- rep_len(condition, size)
    out[chosen] <- rep_len(a, size)[chosen]
    for (like in list(a, b, condition)) {
      if (is.null(dim(out)) && length(like) == size) dim(out) <- dim(like)
    }
    out
  }
  minus <- arithmetic(`-`)
  functions <- list(
    `(` = identity,
    `+` = arithmetic(`+`), `*` = arithmetic(`*`), `/` = arithmetic(`/`), `^` = arithmetic(`^`),
    `-` = function(a, b) if (missing(b)) -a else minus(a, b),
    `<` = comparison(`<`), `>` = comparison(`>`), `<=` = comparison(`<=`), `>=` = comparison(`>=`),
    sqrt = function(x) round(suppressWarnings(sqrt(x))),
    where = where,
    maximum = function(a, b) where(is.na(a) | (!is.na(b) & a >= b), a, b)
  )
  epsilon <- switch(dtype, float32 = 2^-23, float64 = 2^-52)
  list2env(c(functions, reductions(round, epsilon)), parent = emptyenv())
}

# Parsed once, evaluated at every step.
compile_equation <- function(equation, dtype) {
  round <- rounding(dtype)
  calls <- parse_statements(equation$update, round)
  functions <- reference_functions(dtype)
  outputs <- names(calls)[endsWith(names(calls), "_new")]
  function(values) {
    results <- evaluate_statements(calls, lapply(values, round), functions)[outputs]
    names(results) <- sub("_new$", "", outputs)
    shaped <- function(x, name) {
      like <- if (name %in% names(equation$shapes)) values[[name]] else values$p
      x <- rep_len(x, length(like))
      attributes(x) <- attributes(like)
      x
    }
    Map(shaped, results, names(results))
  }
}

#' One step of an optimizer, in base R
#'
#' Evaluates the update of an equation of the specification. The result is the reference's bit for bit:
#' every operation is done in the written order and rounded to `dtype`; a number is rounded to `dtype`
#' once before it is used.
#'
#' @param equation An equation of the specification, as in `spec.json`: `update` is a list of
#'   (name, expression text) pairs.
#' @param values A named list of what the update reads: the parameter `p`, the gradient `g`, the state
#'   variables, the hyperparameters, and the per-step scalars (see [reference_scalars()]).
#' @param dtype `"float64"` or `"float32"`.
#' @return A named list: the new parameter `p` and each new state variable, of the shape of `p`, or of the old one where
#'   `equation$shapes` names it. Matrices are R matrices.
#' @examples
#' plain_descent <- list(update = list(list("p_new", "p - lr * g")))
#' reference_step(plain_descent, list(p = c(1, 2), g = c(0.5, -0.5), lr = 0.1))
#' @export
reference_step <- function(equation, values, dtype = "float64") {
  compile_equation(equation, dtype)(values)
}

#' The per-step scalars of an equation, in base R
#'
#' Evaluated with twice the digits of a double, and rounded once at the end: the numbers that golden fixtures store, but
#' for the rarest of ties.
#'
#' @param equation An equation of the specification: `scalars` is a list of (name, expression text) pairs.
#' @param hyper A named list of hyperparameters.
#' @param t The parameter's step count, from 1: how many updates it has had, this one included, under settings that have
#'   state variables. Plain descent without momentum does not count.
#' @return A named list of doubles.
#' @examples
#' reference_scalars(list(scalars = list(list("bias", "1 - beta ** t"))), list(beta = 0.9), t = 2)
#' @export
reference_scalars <- function(equation, hyper, t) {
  compile_scalars(equation)(hyper, t)
}

# Parsed once, evaluated at every step.
compile_scalars <- function(equation) {
  calls <- parse_statements(equation$scalars, as_dd)
  functions <- double_double()
  functions$`^` <- remembered(functions$`^`)
  function(hyper, t) {
    made <- evaluate_statements(calls, lapply(c(hyper, t = t), as_dd), functions)
    lapply(made, function(pair) pair[1])
  }
}

# A power costs as much as all else in a rule's scalars, and comes in several of them, and at the next step again.
remembered <- function(f) {
  force(f)
  known <- new.env(parent = emptyenv())
  function(a, b) {
    key <- sprintf("%a %a %a %a", a[1], a[2], b[1], b[2])
    if (is.null(known[[key]])) {
      if (length(known) > 100) {
        known <<- new.env(parent = emptyenv())
      }
      known[[key]] <- f(a, b)
    }
    known[[key]]
  }
}

# A state variable before its first step; `values` holds the parameter `p`, the gradient `g` and the hyperparameters.
initial_state <- function(equation, variable, values, dtype) {
  round <- rounding(dtype)
  calls <- parse_statements(list(list("start", equation$init[[variable]])), round)
  start <- evaluate_statements(calls, lapply(values, round), reference_functions(dtype))$start
  shape <- dim(values$p)
  like <- switch(equation$shapes[[variable]] %||% "parameter",
    rows = matrix(0, shape[1], 1),
    columns = matrix(0, 1, shape[2]),
    values$p
  )
  start <- rep_len(start, length(like))
  attributes(start) <- attributes(like)
  start
}

describe_base_r <- function() {
  list(
    version = as.character(getRversion()),
    platform = R.version$platform,
    details = list(
      R = as.character(getRversion()),
      crossoptim = as.character(utils::packageVersion("crossoptim")),
      jsonlite = as.character(utils::packageVersion("jsonlite"))
    )
  )
}

# A whole `run` request.
run_base_r <- function(request) {
  replay(request)$trajectory(function(rows) lapply(rows, function(row) if (!is.null(row)) I(row)))
}

# The tape of a request in replay or lockstep. Parameters do not meet in any of these rules, so each is
# replayed by itself.
replay <- function(request) {
  if (identical(request$mode, "closed")) {
    unsupported("base R has no automatic differentiation; replay and lockstep only")
  }
  shapes <- lapply(request$params, function(param) unlist(param$shape))
  names(shapes) <- param_names(request)
  request$settings <- lapply(request$settings, function(entry) {
    stacks <- Filter(function(name) length(shapes[[name]]) != 2, unlist(entry$params))
    if (needs_matrices(entry$equation) && length(stacks) > 0) {
      unsupported(sprintf("%s is a stack of matrices; base R takes a matrix", stacks[[1]]))
    }
    entry$step <- compile_equation(entry$equation, request$dtype)
    entry$matrices <- needs_matrices(entry$equation)
    entry
  })
  request$gradients <- lapply(request$gradients, lapply, read_row)
  golden <- if (identical(request$mode, "lockstep")) read_golden(request)
  tape <- new_tape(request)
  for (param in request$params) {
    replay_param(request, param$name, rounding(request$dtype)(read_row(param$data)), unlist(param$shape), golden, tape)
  }
  tape
}

replay_param <- function(request, name, p, shape, golden, tape) {
  add <- reference_functions(request$dtype)$`+`
  state <- list()
  left <- NULL
  for (step in seq_len(request$steps)) {
    if (!is.null(golden) && step > 1) {
      p <- golden$params[[name]][[step - 1]]
      state <- Filter(Negate(is.null), lapply(golden$state[[name]], function(rows) rows[[step - 1]]))
    }
    setting <- setting_at(request$settings, name, step)
    used <- if (!is.null(setting)) request$gradients[[name]][[step]]
    if (!is.null(used) && !is.null(left) && happens(request, "accumulate", step)) {
      used <- add(left, used)
    }
    left <- used
    if (!is.null(used)) {
      out <- update_param(setting, name, p, used, state, request$scalars[[name]][[step]], request$dtype, shape)
      p <- out$p
      left <- out$g %||% used
      # A variable that this equation does not have stays for one that has it.
      kept <- unlist(setting$equation$state)
      state[kept] <- out[kept]
    }
    tape$put("params", name, step, p)
    tape$put("gradients", name, step, used)
    tape$put("gradients_after", name, step, left)
    for (variable in names(state)) {
      tape$put("state", name, step, state[[variable]], variable)
    }
  }
}

update_param <- function(setting, name, p, g, state, scalars, dtype, shape) {
  equation <- setting$equation
  kept <- unlist(equation$state)
  if (setting$matrices) {
    p <- matrix(p, shape[1], shape[2], byrow = TRUE)
    g <- matrix(g, shape[1], shape[2], byrow = TRUE)
    state <- Map(
      function(x, name) row_as_matrix(x, shape, equation$shapes[[name]] %||% "parameter"), state, names(state)
    )
  }
  hyper <- lapply(setting$values[unlist(equation$hyper)], read_number)
  for (variable in setdiff(kept, names(state))) {
    state[[variable]] <- initial_state(equation, variable, c(list(p = p, g = g), hyper), dtype)
  }
  out <- setting$step(c(
    list(p = p, g = g, index = match(name, unlist(setting$params))),
    state[kept],
    hyper,
    lapply(scalars, read_number)
  ))
  if (setting$matrices) lapply(out, row_of) else out
}

row_as_matrix <- function(row, shape, kind) {
  switch(kind,
    rows = matrix(row, shape[1], 1),
    columns = matrix(row, 1, shape[2]),
    matrix(row, shape[1], shape[2], byrow = TRUE)
  )
}

# The newest setting that a parameter has at a step, or NULL while no group holds it.
setting_at <- function(settings, name, step) {
  found <- Filter(function(entry) entry$from_step <= step && name %in% unlist(entry$params), settings)
  if (length(found) > 0) found[[which.max(vapply(found, function(entry) entry$from_step, 0))]]
}
