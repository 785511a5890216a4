# Runs a case with an optimizer of R torch that chooses where to evaluate, and records every evaluation.

torch_conversation <- function(request, at) {
  if (!identical(request$mode, "closed")) {
    unsupported(sprintf(
      "an optimizer that chooses where to evaluate cannot %s gradients (expected mode closed)", request$mode
    ))
  }
  dtype <- torch_dtype(request$dtype)
  params <- torch_params(request, dtype)
  loss <- compile_objective(request$objective, params, dtype)
  subject <- new_subject(request$optimizer, params)
  tape <- new_tape(request)
  evaluations <- list()

  for (step in seq_len(request$steps)) {
    apply_events(request, step, subject, at)
    seen <- new_evaluations(names(params))
    without <- c(setdiff(names(params), subject$members()), without_gradient(request, step))
    closure <- function() {
      subject$zero_grad()
      value <- loss()
      value$backward()
      for (name in intersect(without, names(params))) {
        param <- params[[name]]
        param$grad <- NULL
      }
      seen$add(params, value)
      value
    }
    at(sprintf("step %d, step(closure)", step))
    returned <- subject$step(closure)
    at(sprintf("step %d, state_dict", step))
    tape$put("loss", NULL, step, torch::with_no_grad(copy_row(returned$detach())))
    for (name in names(params)) {
      tape$put("gradients", name, step, seen$first_gradient(name))
    }
    record(tape, step, params, subject$state(), list())
    evaluations[[step]] <- seen$columns()
  }
  c(tape$trajectory(finish_rows, finish_loss), list(evaluations = evaluations))
}

# Collects the evaluations of one step: points, gradients and losses.
new_evaluations <- function(names) {
  points <- gradients <- stats::setNames(rep(list(list()), length(names)), names)
  losses <- list()
  list(
    add = function(params, value) {
      torch::with_no_grad({
        for (name in names) {
          points[[name]] <<- c(points[[name]], list(copy_row(params[[name]])))
          gradients[[name]] <<- c(gradients[[name]], list(copy_row(params[[name]]$grad)))
        }
        losses <<- c(losses, list(copy_row(value$detach())))
      })
    },
    first_gradient = function(name) gradients[[name]][[1]],
    columns = function() {
      list(params = lapply(points, finish_rows), gradients = lapply(gradients, finish_rows), loss = finish_loss(losses))
    }
  )
}
