# The state of R torch's optimizers, of those in C++ (ignite), and of this package's own for R torch.

# R torch's classes that keep no step count.
uncounted_classes <- c("optim_sgd", "optim_ignite_sgd")

#' @noRd
#' @export
state_view.torch_optimizer <- function(optimizer, names = NULL) { # nolint: object_name_linter.
  class <- torch_class(optimizer)
  params <- lapply(optimizer$param_groups, function(group) group$params)
  labels <- parameter_names(params, names)
  flat <- stats::setNames(unlist(params), unlist(labels))
  shapes <- lapply(flat, function(x) as.integer(x$shape))
  groups <- Map(
    function(group, labels) {
      list(params = labels, values = torch_values(class$binding, group), binding = class$binding)
    },
    optimizer$param_groups, labels
  )
  rule <- class$binding$rule
  read <- function() {
    if (chooses(rule)) read_torch_history(optimizer, class, flat) else read_torch(optimizer, class, flat)
  }
  put <- function(saved, parameters) {
    put_torch(saved, optimizer, class, flat, labels)
    if (parameters) {
      torch::with_no_grad(for (name in base::names(flat)) {
        flat[[name]]$copy_(row_tensor(saved$tensors[[param_tensor(name)]]$data, shapes[[name]], flat[[name]]$dtype))
      })
    }
  }
  list(
    label = class$name, library = class$library, rule = rule, groups = groups, shapes = shapes,
    dtypes = lapply(flat, dtype_name), read = read, put = put,
    # Ignite cannot be made to forget a state.
    stuck = if (class$ignite && !class$counts) base::names(flat)[as.integer(base::names(optimizer$state_dict()$state))]
  )
}

# Which class it is: its `name` and `binding`, whether it is this package's `own` or R torch's in C++ (`ignite`), and
# how it writes a step count. R torch and this package have classes of one name: where their methods come from tells
# them apart.
torch_class <- function(optimizer) {
  own <- identical(topenv(parent.env(optimizer$.__enclos_env__)), topenv())
  known <- if (own) optimizer_bindings else c(library_classes("r-torch"), library_classes("r-torch-ignite"))
  name <- intersect(class(optimizer), names(known))
  if (length(name) == 0) {
    abort(
      sprintf("optimizer is a %s (expected one of %s)", class(optimizer)[1], toString(names(known))),
      "crossoptim_value_error"
    )
  }
  name <- name[1]
  ignite <- !own && startsWith(name, "optim_ignite_")
  package <- if (own) "crossoptim" else "torch"
  list(
    name = paste0(package, "::", name), binding = known[[name]], own = own, ignite = ignite,
    counts = own || !name %in% uncounted_classes,
    # In the order in which libtorch takes them.
    ignite_keys = if (ignite) setdiff(optimizer$.__enclos_env__$private$.state_names, "step"),
    count = if (ignite) {
      function(step) torch::torch_tensor(as.integer(step), dtype = torch::torch_int64())
    } else if (!own && name == "optim_adamw") {
      function(step) torch::torch_scalar_tensor(as.double(step))
    } else {
      as.double
    },
    library = list(
      name = paste("R", package), version = as.character(utils::packageVersion(package)), class = name
    )
  )
}

# Names for the parameters of each group; tensors are told apart by being the same object.
parameter_names <- function(params, names) {
  flat <- unlist(params)
  labels <- if (!is.null(names)) {
    given_names(flat, names)
  } else {
    own <- unlist(lapply(params, function(group) base::names(group) %||% rep("", length(group))))
    if (all(nzchar(own)) && anyDuplicated(own) == 0) own else as.character(seq_along(flat) - 1L)
  }
  group <- rep(seq_along(params), lengths(params))
  unname(split(unname(labels), group))
}

given_names <- function(flat, names) {
  if (!is.list(names) || is.null(base::names(names)) || !all(vapply(names, is_torch, NA))) {
    abort("names is not a named list of tensors", "crossoptim_value_error")
  }
  labels <- vapply(flat, function(param) {
    same <- vapply(names, identical, NA, param)
    if (any(same)) base::names(names)[same][1] else NA_character_
  }, "")
  if (anyNA(labels)) {
    shape <- toString(flat[is.na(labels)][[1]]$shape)
    abort(
      sprintf("names: a parameter of shape (%s) has none (expected one for each parameter of the optimizer)", shape),
      "crossoptim_value_error"
    )
  }
  if (anyDuplicated(labels) > 0) {
    abort(sprintf("names: %s is the name of two parameters", labels[duplicated(labels)][1]), "crossoptim_value_error")
  }
  labels
}

# A group's options in the specification's names, validated.
torch_values <- function(binding, group) {
  binding$optimizer <- binding$rule
  binding$args <- lapply(binding$args, unlist)
  values <- group_setting(binding, group)$values
  values[names(binding$switches)] <- binding$switches
  rule_setting(binding$rule, values)$values
}

# A group with the options of a saved one. An option that is NULL is left out.
torch_group <- function(class, group, values) {
  said <- foreign_arguments(class$binding, values)
  for (name in names(said)) {
    value <- said[[name]]
    if (is.list(value)) {
      value <- vapply(value, function(x) x %||% NA_real_, 0)
      names(value) <- NULL
    }
    if (name == "max_eval" && is.null(value) && !class$own) {
      value <- as.integer(values$max_iter * 5 / 4) # which R torch works out when the optimizer is made
    }
    group[[name]] <- value
  }
  group
}

# Parameter to its row, step count, kept numbers and state.
read_torch <- function(optimizer, class, flat) {
  saved <- optimizer$state_dict()$state
  binding <- class$binding
  number <- function(x) if (is_torch(x)) as.double(x$item()) else as.double(x)
  rows <- function(x) list(shape = as.integer(x$shape), data = row_of(x))
  Map(
    function(param, index) {
      held <- saved[[as.character(index)]]
      counted <- if (!is.null(held$step)) as.integer(number(held$step))
      made <- Filter(function(key) is_tensor(held[[key]]) && !is_placeholder(held[[key]], param), binding$state)
      kept <- Filter(function(key) !is.null(held[[key]]), binding$kept)
      list(
        row = row_of(param),
        step = counted %||% if (length(made) == 0) 0L,
        kept = wire_object(lapply(kept, function(key) number(held[[key]]))),
        state = wire_object(lapply(made, function(key) rows(held[[key]])))
      )
    },
    flat, seq_along(flat)
  )
}

# Ignite keeps a float32 tensor without elements for a variable that it has not made.
is_placeholder <- function(kept, param) {
  kept$numel() == 0 && (param$numel() > 0 || kept$dtype != param$dtype)
}

put_torch <- function(saved, optimizer, class, flat, labels) {
  state <- optimizer$state_dict()
  values <- lapply(saved$groups, function(group) group$values)
  state$param_groups <- Map(function(group, one) torch_group(class, group, one), state$param_groups, values)
  if (chooses(saved$rule)) {
    held <- torch_history(joined_history(saved, names(flat)), class, flat[[1]])
    entries <- if (!is.null(held)) list(`1` = held)
  } else {
    before <- state$state
    group_of <- rep(seq_along(labels), lengths(labels))
    entries <- lapply(seq_along(flat), function(i) {
      name <- names(flat)[i]
      if (saved_count(saved, name) > 0 || length(saved_variables(saved, name)) > 0) {
        torch_entry(saved, name, class, flat[[i]])
      } else if (!is.null(before[[as.character(i)]])) {
        torch_start(values[[group_of[i]]], class, flat[[i]])
      }
    })
    names(entries) <- seq_along(flat)
    entries <- Filter(Negate(is.null), entries)
  }
  state$state <- entries %||% list()
  if (class$ignite) {
    optimizer$load_state_dict(state)
    return(invisible())
  }
  optimizer$state$map <- list()
  # The entries are nobody else's; and a copy would turn the environment that optim_lbfgs keeps into a list.
  optimizer$load_state_dict(state, .refer_to_state_dict = TRUE)
  for (i in seq_along(values)) {
    for (name in setdiff(names(class$binding$args), names(state$param_groups[[i]]))) {
      optimizer$param_groups[[i]][[name]] <- NULL
    }
  }
}

# A parameter's state as the library keeps it.
torch_entry <- function(saved, name, class, param) {
  held <- saved_variables(saved, name)
  keys <- class$binding$state[names(class$binding$state) %in% names(held)]
  tensors <- lapply(keys, function(key) NULL)
  for (variable in names(keys)) {
    tensors[[variable]] <- torch_like(held[[variable]], param)
  }
  names(tensors) <- unlist(keys)
  kept <- saved$parameters[[name]]$kept[names(class$binding$kept)]
  names(kept) <- unlist(class$binding$kept)
  class_entry(class, c(if (class$counts) list(step = class$count(saved_count(saved, name))), tensors, kept), param)
}

torch_like <- function(tensor, param) {
  row_tensor(tensor$data, tensor$shape, param$dtype)$to(device = param$device)
}

# The state before the first update, for a class that makes it early; NULL where it depends on more than options, or the
# class would take it for one after an update.
torch_start <- function(values, class, param) {
  if (!class$counts) {
    return(NULL)
  }
  equation <- equation_for(class$binding$rule, values, param$shape)
  reads <- unlist(lapply(equation$init, function(text) all.vars(parse_text(text))))
  if (length(equation$kept) > 0 || length(setdiff(reads, names(values))) > 0) {
    return(NULL)
  }
  tensors <- lapply(equation$init, function(text) {
    calls <- parse_statements(list(list("start", text)), as.double)
    start <- evaluate_statements(calls, Filter(is.numeric, values), reference_functions("float64"))$start
    torch::torch_full_like(param, start)
  })
  names(tensors) <- unlist(class$binding$state[names(tensors)])
  class_entry(class, c(list(step = class$count(0)), tensors), param)
}

# Ignite wants every variable, in its order, and an empty tensor for one that is not there.
class_entry <- function(class, entry, param) {
  if (!class$ignite) {
    return(entry)
  }
  keys <- c(class$ignite_keys, if (class$counts) "step")
  stats::setNames(lapply(keys, function(key) entry[[key]] %||% torch::torch_empty(0)), keys)
}
