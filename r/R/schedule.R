# Runs a learning-rate scheduler of R torch over an optimizer with one parameter a group, and records
# the rates before the first step and after each.

run_torch_schedule <- function(request) {
  require_torch()
  where <- "constructing"
  withCallingHandlers(
    schedule_rates(request, function(text) where <<- text),
    error = function(e) {
      if (!inherits(e, "crossoptim_error")) {
        message <- paste0(where, ": ", conditionMessage(e))
        abort(message, "crossoptim_torch_error", error_class = class(e)[1], calls = sys.calls())
      }
    }
  )
}

schedule_rates <- function(request, at) {
  subject <- new_schedule_subject(request)
  subject$build()
  rows <- list(subject$read())
  for (step in seq_len(request$steps)) {
    for (event in request$events) {
      if (identical(as.numeric(event$step), as.numeric(step))) {
        at(sprintf("step %d, %s", step, event$kind))
        subject$happen(event)
      }
    }
    at(sprintf("step %d", step))
    subject$step(if (!is.null(request$metrics)) read_number(request$metrics[[step]]))
    rows[[step + 1]] <- subject$read()
  }
  rates <- list(lr = lapply(rows, function(row) I(row$lr)))
  if (!is.null(rows[[1]]$momentum)) {
    rates$momentum <- lapply(rows, function(row) I(row$momentum))
  }
  rates
}

new_schedule_subject <- function(request) {
  optimizer <- NULL
  scheduler <- NULL

  make_optimizer <- function() {
    groups <- lapply(request$lrs, function(lr) {
      list(params = list(torch::torch_zeros(1, requires_grad = TRUE)), lr = read_number(lr))
    })
    # R torch wants the learning rate as an argument even where every group has its own.
    arguments <- c(list(params = groups, lr = groups[[1]]$lr), read_arguments(request$optimizer$arguments))
    do.call(optimizer_class(request$optimizer$name), arguments)
  }
  make_scheduler <- function(more) {
    class <- scheduler_class(request$schedule$name)
    arguments <- lapply(request$schedule$arguments, read_schedule_argument)
    unknown <- setdiff(names(arguments), names(formals(class)))
    if (length(unknown) > 0) {
      unsupported(sprintf("%s has no argument %s", request$schedule$name, paste(unknown, collapse = ", ")))
    }
    do.call(class, c(list(optimizer), arguments, more))
  }

  list(
    build = function() {
      optimizer <<- make_optimizer()
      scheduler <<- make_scheduler(list())
    },
    step = function(metric) {
      optimizer$step()
      if (is.null(metric)) scheduler$step() else scheduler$step(metric)
    },
    happen = function(event) {
      if (event$kind == "set") {
        optimizer$param_groups[[event$group + 1]]$lr <<- read_number(event$lr)
        return()
      }
      saved <- optimizer$state_dict()
      state <- scheduler$state_dict()
      optimizer <<- make_optimizer()
      if (event$kind == "rebuild") {
        optimizer$load_state_dict(saved)
        scheduler <<- make_scheduler(list(last_epoch = event$step - 2))
      } else {
        # In PyTorch's order: a scheduler that is made sets the rates, so what is loaded comes after it.
        scheduler <<- make_scheduler(list())
        optimizer$load_state_dict(saved)
        scheduler$load_state_dict(state)
      }
    },
    read = function() {
      groups <- optimizer$param_groups
      momentum <- lapply(groups, function(group) group$momentum %||% group$betas[[1]])
      list(
        lr = vapply(groups, function(group) as.numeric(group$lr), 0),
        momentum = if (!is.null(momentum[[1]])) vapply(momentum, as.numeric, 0)
      )
    }
  )
}

scheduler_class <- function(name) {
  if (!startsWith(name, "lr_") || !name %in% getNamespaceExports("torch")) {
    unsupported(sprintf("R torch %s has no %s", utils::packageVersion("torch"), name))
  }
  getExportedValue("torch", name)
}

# A formula becomes a function of the step; an array, one value a group, stays a list.
read_schedule_argument <- function(value) {
  if (!is.null(names(value)) && "formula" %in% names(value)) {
    return(formula_function(value$formula))
  }
  if (is.list(value)) {
    return(lapply(value, read_schedule_argument))
  }
  if (is.logical(value) || (is.character(value) && !value %in% c("NaN", "Inf", "-Inf"))) value else read_number(value)
}

formula_function <- function(text) {
  call <- parse_text(text)
  functions <- list2env(
    list(
      `(` = `(`, `+` = `+`, `-` = `-`, `*` = `*`, `/` = `/`, `^` = `^`, `<` = `<`, `>` = `>`, `<=` = `<=`, `>=` = `>=`,
      sqrt = sqrt, exp = exp, log = log, cos = cos, floor = floor, maximum = max,
      where = function(condition, a, b) if (condition) a else b,
      pi = pi
    ),
    parent = emptyenv()
  )
  function(t) eval(call, list2env(list(t = t), parent = functions))
}
