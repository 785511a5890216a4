# Runs a golden case with an optimizer of R torch.

#' Run a golden case with an optimizer of R torch
#'
#' The optimizer gets the case's parameters, options and events, and its parameters, state, gradients and loss are
#' copied after every step.
#'
#' @param case A case or its id, see [golden_cases()].
#' @param optim The constructor: `torch::optim_adam`, an `optim_*` of this package, the value of [torch::optimizer()],
#'   or any `function(params, ...)` that returns an optimizer of R torch.
#' @param mode `"replay"`: at every step the optimizer is given the golden gradient. `"closed"`: the gradient is that of
#'   the problem's objective at the optimizer's own parameters, by R torch's autograd. An optimizer that chooses itself
#'   where to evaluate, such as L-BFGS, can only be run in the second way.
#' @param binding How the constructor is called, see [optimizer_binding()]. Not needed for R torch's own optimizers, for
#'   those of this package, and for constructors with PyTorch's names of arguments and state.
#' @return A trajectory, see [golden_trajectory()]. What the optimizer cannot do is a condition of class
#'   `crossoptim_unsupported`; an error that it raises becomes one of class `crossoptim_torch_error`, which names the
#'   step.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' run <- run_case("adam/amsgrad-ravine-f64", torch::optim_adam)
#' run
#' plot(run)
#' @export
run_case <- function(case, optim, mode = NULL, binding = NULL) {
  run_labelled(case, optim, optimizer_label(substitute(optim), optim), mode, binding)
}

# `label` is what the optimizer is called in messages.
run_labelled <- function(case, optim, label, mode, binding) {
  case <- read_case(case)
  mode <- mode %||% if (chooses_points(case)) "closed" else "replay"
  if (!identical(mode, "replay") && !identical(mode, "closed")) {
    abort(sprintf("mode is %s (expected \"replay\" or \"closed\")", deparse(mode)[1]), "crossoptim_value_error")
  }
  if (!is.function(optim)) {
    abort(
      sprintf("optim is a %s (expected an optimizer's constructor, such as torch::optim_adam)", class(optim)[1]),
      "crossoptim_value_error"
    )
  }
  binding <- find_binding(optim, label, case, binding)
  reason <- why_unsupported(binding, case)
  if (!is.null(reason)) {
    unsupported(reason)
  }
  request <- run_request(case, binding, mode)
  request$optimizer$class <- optim
  keep_torch_settings()
  found <- run_torch(request)
  plain <- function(rows) lapply(rows, unclass)
  new_trajectory(
    case = case$id, by = label, dtype = case$dtype, steps = case$steps,
    shapes = lapply(case$initial, function(table) table$shape),
    params = lapply(found$params, plain), state = lapply(found$state, lapply, plain),
    gradients = lapply(found$gradients, plain), gradients_after = lapply(found$gradients_after, plain),
    loss = found$loss,
    evaluations = lapply(found$evaluations, function(seen) {
      list(params = lapply(seen$params, plain), gradients = lapply(seen$gradients, plain), loss = seen$loss)
    })
  )
}

# What the caller wrote where that is a name, else the name of the class.
optimizer_label <- function(expression, optim) {
  is_named <- is.name(expression) || (is.call(expression) && as.character(expression[[1]])[1] %in% c("::", ":::"))
  named <- if (is_named) deparse(expression)
  own <- attr(optim, "binding")$optimizer
  class <- if (is.null(own)) class_name(optim) else paste0("optim_", own)
  if (!is.null(named) && (!nzchar(class) || grepl("::", named, fixed = TRUE))) {
    named
  } else if (nzchar(class)) {
    class
  } else {
    "the optimizer"
  }
}

# A parity run fixes the number of threads and the default dtype; the caller gets theirs back.
keep_torch_settings <- function(caller = parent.frame()) {
  if (!requireNamespace("torch", quietly = TRUE) || !torch::torch_is_installed()) {
    return(invisible())
  }
  threads <- torch::torch_get_num_threads()
  dtype <- torch::torch_get_default_dtype()
  restore <- bquote({
    torch::torch_set_num_threads(.(threads))
    torch::torch_set_default_dtype(.(dtype))
  })
  do.call(on.exit, list(restore, add = TRUE), envir = caller)
}

# The case as a `run` request of the protocol; without a binding, names are the specification's own.
run_request <- function(case, binding, mode) {
  groups <- initial_groups(case)
  request <- list(
    command = "run", protocol = protocol_version, case = case$id, mode = mode, dtype = case$dtype, steps = case$steps,
    params = start_params(case),
    optimizer = list(
      name = binding$name,
      groups = Map(
        function(params, group) {
          list(params = params, arguments = foreign_arguments(binding, group_values(case, group, 1L)))
        },
        groups, seq_along(groups) - 1L
      ),
      state = binding$state, kept = binding$kept, closure = chooses_points(case)
    ),
    events = request_events(case, binding)
  )
  if (mode == "closed") {
    request$objective <- objective_of(case)
  } else {
    request$gradients <- injected(case)
  }
  request
}

# The start point in the protocol's form.
start_params <- function(case) {
  Map(
    function(name, start) list(name = name, shape = start$shape, data = start$data[[1]]),
    names(case$initial), case$initial
  )
}

# What the backward pass of each step adds.
injected <- function(case) {
  if (length(case$fresh) > 0) case$fresh else case$golden$gradients
}

objective_of <- function(case) {
  objective <- specification()$problems[[case$problem]]$objective
  if (is.null(objective)) {
    unsupported(sprintf(
      "%s: problem %s is a table of gradients without an objective (expected mode replay)", case$id, case$problem
    ))
  }
  objective
}

# Events in the names of a class. A change holds the arguments that change.
request_events <- function(case, binding) {
  joins <- Filter(function(event) event$kind == "add_group", case$events)
  joined_at <- sort(vapply(joins, function(event) event$step, 0L))
  said <- function(group, step) foreign_arguments(binding, group_values(case, group, step))
  lapply(case$events, function(event) {
    if (event$kind == "set") {
      after <- said(event$group, event$step)
      event$arguments <- after[!mapply(identical, after, said(event$group, event$step - 1L))]
    } else if (event$kind == "add_group") {
      event$arguments <- said(length(initial_groups(case)) + match(event$step, joined_at) - 1L, event$step)
    }
    event$hyper <- NULL
    event
  })
}
