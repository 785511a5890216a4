# Runs a case with an optimizer of R torch and records every step.

# R torch is only suggested: what needs it says so.
need_torch <- function() {
  missing <- if (!requireNamespace("torch", quietly = TRUE)) {
    "R torch is not installed (install.packages(\"torch\"))"
  } else if (!torch::torch_is_installed()) {
    "R torch has no libtorch (torch::install_torch())"
  }
  if (!is.null(missing)) {
    abort(missing, c("crossoptim_torch_missing", "crossoptim_unsupported"))
  }
}

require_torch <- function() {
  need_torch()
  # The conditions of a parity run: one thread, and the default dtype that users have.
  torch::torch_set_num_threads(1)
  torch::torch_set_default_dtype(torch::torch_float32())
}

describe_torch <- function() {
  require_torch()
  list(
    version = as.character(utils::packageVersion("torch")),
    platform = R.version$platform,
    details = list(
      libtorch = config_value("TORCH_VERSION=([0-9.]+)"),
      cpu = config_value("CPU capability usage: ([A-Z0-9]+)"),
      R = as.character(getRversion()),
      crossoptim = as.character(utils::packageVersion("crossoptim")),
      default_dtype = if (torch::torch_get_default_dtype() == torch::torch_float32()) "float32" else "float64",
      threads = as.integer(torch::torch_get_num_threads())
    )
  )
}

# What the loaded libtorch says of itself; R torch's own constant names the libtorch that it was written for.
config_value <- function(pattern) {
  show <- get0("cpp_torch_show_config", asNamespace("torch"), ifnotfound = function() "")
  found <- regmatches(show(), regexec(pattern, show()))[[1]]
  if (length(found) == 2) found[2]
}

torch_dtype <- function(dtype) {
  switch(dtype,
    float32 = torch::torch_float32(),
    float64 = torch::torch_float64(),
    abort(sprintf("dtype '%s' is not float32 or float64", dtype), "crossoptim_value_error")
  )
}

# A tensor from its protocol form. The clone, because zero_grad() refuses a gradient that is a view.
as_tensor <- function(tensor, dtype) {
  row_tensor(read_row(tensor$data), as.integer(unlist(tensor$shape)), dtype)
}

row_tensor <- function(row, shape, dtype) {
  torch::torch_tensor(row, dtype = dtype)$reshape(shape)$clone()
}

# What a step leaves must be copied: the library goes on in place. Called where no graph is recorded.
copy_row <- function(tensor) {
  if (!is_tensor(tensor)) NULL else tensor$clone()
}

is_tensor <- function(x) {
  inherits(x, "torch_tensor") && !torch::is_undefined_tensor(x)
}

# The copies of one column as rows of doubles, with one transfer out of torch for them all.
finish_rows <- function(copies) {
  there <- !vapply(copies, is.null, NA)
  if (any(there)) {
    rows <- torch::torch_stack(copies[there])
    table <- as.array(rows$reshape(c(sum(there), copies[there][[1]]$numel())))
    copies[there] <- lapply(seq_len(nrow(table)), function(i) I(table[i, ]))
  }
  copies
}

finish_loss <- function(copies) {
  lapply(finish_rows(copies), function(row) if (!is.null(row)) as.double(row))
}

# An optimizer of this package.
own_optimizer_class <- function(name) {
  if (!name %in% names(optimizer_bindings)) {
    unsupported(sprintf("crossoptim %s has no %s", utils::packageVersion("crossoptim"), name))
  }
  get(name, envir = topenv())
}

optimizer_class <- function(name) {
  if (!startsWith(name, "optim_") || !name %in% getNamespaceExports("torch")) {
    unsupported(sprintf("R torch %s has no %s", utils::packageVersion("torch"), name))
  }
  getExportedValue("torch", name)
}

read_arguments <- function(arguments, combine = unlist) {
  lapply(arguments, function(value) {
    if (is.list(value)) combine(lapply(value, read_argument)) else read_argument(value)
  })
}

# R's vectors have one type: of TRUE beside a number they make the number 1. This package's optimizers take lists too.
vector_or_list <- function(parts) {
  if (length(unique(vapply(parts, typeof, ""))) == 1) unlist(parts) else parts
}

read_argument <- function(value) {
  if (is.null(value)) {
    return(NA_real_)
  }
  if (is.logical(value) || (is.character(value) && !value %in% c("NaN", "Inf", "-Inf"))) value else read_number(value)
}

# The optimizer under test, over a named list of parameters; knows in which order it holds them.
new_subject <- function(optimizer, params) {
  class <- optimizer$class %||% optimizer_class(optimizer$name)
  as_group <- function(group) {
    # NULL: the class finds it itself.
    combine <- if (is.null(attr(class, "binding"))) unlist else vector_or_list
    arguments <- read_arguments(Filter(Negate(is.null), group$arguments), combine)
    unknown <- setdiff(names(arguments), names(formals(class)))
    if (length(unknown) > 0 && !"..." %in% names(formals(class))) {
      unsupported(sprintf("%s has no argument %s", optimizer$name, paste(unknown, collapse = ", ")))
    }
    c(list(params = unname(params[unlist(group$params)])), arguments)
  }
  groups <- lapply(optimizer$groups, as_group)
  members <- unlist(lapply(optimizer$groups, function(group) group$params))
  build <- function() {
    # R torch wants the learning rate as an argument even where every group has its own.
    do.call(class, c(list(params = groups), if (length(groups) > 0) groups[[1]][-1]))
  }
  self <- build()

  list(
    members = function() members,
    zero_grad = function() self$zero_grad(),
    step = function(...) self$step(...),
    # Forward and backward, where the optimizer wants its gradient.
    evaluate = function(loss) {
      here <- if (is.function(self$at_gradient_point)) self$at_gradient_point else identity
      here({
        value <- loss()
        value$backward()
        value
      })
    },
    set = function(group, arguments) {
      for (name in names(arguments)) {
        self$param_groups[[group]][[name]] <<- arguments[[name]]
      }
    },
    add_group = function(group) {
      self$add_param_group(as_group(group))
      groups[[length(groups) + 1]] <<- as_group(group)
      members <<- c(members, unlist(group$params))
    },
    resume = function() {
      saved <- self$state_dict()
      self <<- build()
      self$load_state_dict(saved)
    },
    # Parameter name -> the library's state of it.
    state = function() {
      state <- self$state_dict()$state
      names(state) <- members[as.integer(names(state))]
      state
    },
    # Through load_state_dict(), because ignite's state_dict() is a copy.
    change_state = function(change) {
      saved <- self$state_dict()
      for (index in names(saved$state)) {
        saved$state[[index]] <- change(members[as.integer(index)], saved$state[[index]])
      }
      if (length(saved$state) > 0) {
        self$load_state_dict(saved)
      }
    }
  )
}

run_torch <- function(request) {
  require_torch()
  where <- "constructing"
  trajectory <- if (isTRUE(request$optimizer$closure)) torch_conversation else torch_trajectory
  withCallingHandlers(
    trajectory(request, function(text) where <<- text),
    error = function(e) {
      if (!inherits(e, "crossoptim_error")) {
        message <- paste0(where, ": ", conditionMessage(e))
        abort(message, "crossoptim_torch_error", error_class = class(e)[1], calls = sys.calls())
      }
    }
  )
}

run_own_torch <- function(request) {
  request$optimizer$class <- own_optimizer_class(request$optimizer$name)
  run_torch(request)
}

# This package's version, and that of the R torch on which its optimizers run.
describe_own_torch <- function() {
  found <- describe_torch()
  found$details$torch <- found$version
  found$version <- found$details$crossoptim
  found
}

torch_params <- function(request, dtype) {
  frozen <- without_gradient(request, 0)
  params <- lapply(request$params, function(param) as_tensor(param, dtype)$requires_grad_(!param$name %in% frozen))
  stats::setNames(params, param_names(request))
}

torch_trajectory <- function(request, at) {
  dtype <- torch_dtype(request$dtype)
  params <- torch_params(request, dtype)
  shapes <- lapply(request$params, function(param) as.integer(unlist(param$shape)))
  names(shapes) <- names(params)
  closed <- identical(request$mode, "closed")
  loss <- if (closed) compile_objective(request$objective, params, dtype)
  gradients <- lapply(request$gradients, lapply, read_row)
  golden <- if (identical(request$mode, "lockstep")) read_golden(request)
  state_keys <- unlist(request$optimizer$state)
  subject <- new_subject(request$optimizer, params)
  tape <- new_tape(request)

  for (step in seq_len(request$steps)) {
    accumulate <- happens(request, "accumulate", step)
    apply_events(request, step, subject, at)
    if (!is.null(golden) && step > 1) {
      at(sprintf("step %d, setting the golden state", step))
      put_back(params, shapes, dtype, golden, step, subject, state_keys)
    }
    at(sprintf("step %d, zero_grad", step))
    if (!accumulate) {
      subject$zero_grad()
    }
    left <- lapply(params[unused(request, step)], function(param) copy_row(param$grad))

    at(sprintf("step %d, backward", step))
    if (closed) {
      value <- subject$evaluate(loss)
      tape$put("loss", NULL, step, copy_row(value$detach()))
    }
    without <- c(setdiff(names(params), subject$members()), without_gradient(request, step))
    for (name in names(params)) {
      param <- params[[name]]
      row <- gradients[[name]][[step]]
      if (name %in% names(left)) {
        param$grad <- left[[name]]
      } else if (name %in% without || (!closed && is.null(row))) {
        param$grad <- NULL
      } else if (!closed) {
        inject(param, row_tensor(row, shapes[[name]], dtype), accumulate)
      }
      tape$put("gradients", name, step, copy_row(param$grad))
    }

    at(sprintf("step %d, step", step))
    subject$step()
    at(sprintf("step %d, state_dict", step))
    record(tape, step, params, subject$state(), state_keys)
  }
  tape$trajectory(finish_rows, finish_loss)
}

# Those that are done to the optimizer; the others concern the gradients.
apply_events <- function(request, step, subject, at) {
  for (event in request$events) {
    if (identical(as.numeric(event$step), as.numeric(step))) {
      at(sprintf("step %d, %s", step, event$kind))
      switch(event$kind,
        set = subject$set(event$group + 1, read_arguments(event$arguments)),
        add_group = subject$add_group(event),
        resume = subject$resume()
      )
    }
  }
}

record <- function(tape, step, params, state, state_keys) {
  torch::local_no_grad()
  for (name in names(params)) {
    tape$put("params", name, step, copy_row(params[[name]]))
    tape$put("gradients_after", name, step, copy_row(params[[name]]$grad))
    for (variable in names(state_keys)) {
      kept <- state[[name]][[state_keys[[variable]]]]
      if (is_made(kept, params[[name]])) {
        tape$put("state", name, step, copy_row(kept), variable)
      }
    }
  }
}

# As autograd does: into an empty place the gradient itself, else added in place.
inject <- function(param, gradient, accumulate) {
  if (accumulate && is_tensor(param$grad)) {
    torch::with_no_grad(param$grad$add_(gradient))
  } else {
    param$grad <- gradient
  }
}

# Lockstep: parameters, and the tensors that the library keeps for them, take the golden values. The library's
# own count of steps stays: it is the golden one unless the library miscounts.
put_back <- function(params, shapes, dtype, golden, step, subject, state_keys) {
  torch::with_no_grad({
    for (name in names(params)) {
      params[[name]]$copy_(row_tensor(golden$params[[name]][[step - 1]], shapes[[name]], dtype))
    }
  })
  subject$change_state(function(name, kept) {
    for (variable in names(state_keys)) {
      key <- state_keys[[variable]]
      row <- golden$state[[name]][[variable]][[step - 1]]
      if (!is.null(row) && is_made(kept[[key]], params[[name]])) {
        kept[[key]] <- row_tensor(row, kept[[key]]$shape, dtype)
      }
    }
    kept
  })
}

# Ignite keeps a float32 tensor without elements for a variable that it has not made.
is_made <- function(kept, param) {
  if (!is_tensor(kept)) {
    return(FALSE)
  }
  kept$numel() > 0 || (param$numel() == 0 && kept$dtype == param$dtype)
}
