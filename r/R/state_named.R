# The state of the optimizers that step named parameters under the specification's names: python_optimizer() and
# reference_optimizer(), which have one interface.

#' @noRd
#' @export
state_view.python_optimizer <- function(optimizer, names = NULL) { # nolint: object_name_linter.
  private <- optimizer$.__enclos_env__$private
  found <- find_optimizer(private$opens$optimizer)
  label <- sprintf("python_optimizer(\"%s\")", private$opens$optimizer)
  library <- list(name = private$opens$implementation, version = own_version(), class = private$opens$optimizer)
  named_view(optimizer, names, label, library, found$rule, private$dtype)
}

#' @noRd
#' @export
state_view.reference_optimizer <- function(optimizer, names = NULL) { # nolint: object_name_linter.
  private <- optimizer$.__enclos_env__$private
  label <- sprintf("reference_optimizer(\"%s\")", private$base$name)
  library <- list(name = "base R", version = as.character(getRversion()), class = private$base$name)
  named_view(optimizer, names, label, library, private$base$rule, private$dtype)
}

own_version <- function() {
  as.character(utils::packageVersion("crossoptim"))
}

named_view <- function(optimizer, names, label, library, rule, dtype) {
  if (!is.null(names)) {
    abort(sprintf("names: %s has names of its own (expected none)", label), "crossoptim_value_error")
  }
  shapes <- lapply(optimizer$params, function(x) as.integer(shape_of(x)))
  groups <- lapply(optimizer$param_groups, function(group) {
    values <- rule_setting(rule, group[base::names(group) != "params"])$values
    list(params = group$params, values = values, binding = named_binding(library$name, rule, values))
  })
  read <- function() {
    state <- optimizer$state_dict()
    parts <- if (!is.null(state$memory)) cut_history(state$memory, shapes)
    lapply(stats::setNames(nm = base::names(shapes)), function(name) {
      variables <- lapply(Filter(Negate(is.null), state$state[[name]]), function(x) {
        list(shape = as.integer(shape_of(x)), data = row_of(x))
      })
      list(
        row = row_of(state$params[[name]]),
        step = state$memory$iterations %||% state$count[[name]],
        kept = if (is.null(parts)) wire_object(as.list(state$kept[[name]])) else history_kept(state$memory),
        state = wire_object(parts[[name]] %||% variables)
      )
    })
  }
  put <- function(saved, parameters) {
    optimizer$load_state_dict(named_state(saved, optimizer$params, groups, parameters))
  }
  list(
    label = label, library = library, rule = rule, groups = groups, shapes = shapes,
    dtypes = lapply(shapes, function(shape) dtype), read = read, put = put
  )
}

# What the implementation can be told: PyTorch what its class can, any other everything.
named_binding <- function(implementation, rule, values) {
  if (startsWith(implementation, "torch-")) {
    fits <- function(binding) binding$rule == rule && is.null(other_variant(binding, values))
    found <- Filter(fits, specification()$ecosystems$pytorch$classes)[1]
    return(c(list(name = names(found)), found[[1]]))
  }
  options <- names(rule_options(specification()$rules[[rule]]))
  list(name = rule, rule = rule, args = stats::setNames(as.list(options), options))
}

# A saved state as load_state_dict() takes it.
named_state <- function(saved, params, groups, parameters) {
  labels <- stats::setNames(nm = names(params))
  rule <- saved$rule
  loaded <- function(name) saved_array(saved$tensors[[param_tensor(name)]])
  variables <- function(name) lapply(saved_variables(saved, name), saved_array)
  state <- list(
    count = lapply(labels, function(name) saved_count(saved, name)),
    params = if (parameters) lapply(labels, loaded) else params,
    kept = if (chooses(rule)) list() else lapply(saved$parameters[labels], function(one) one$kept),
    state = if (chooses(rule)) list() else lapply(labels, variables),
    groups = Map(function(own, group) c(list(params = own$params), group$values), groups, saved$groups)
  )
  if (chooses(rule)) {
    state$memory <- joined_history(saved, names(params))
  }
  state
}

# How many updates a parameter has had; a library that does not count says only that there was one.
saved_count <- function(saved, name) {
  as.integer(saved$parameters[[name]]$step %||% (length(saved_variables(saved, name)) > 0))
}

# Rows are row-major, arrays of R column-major.
saved_array <- function(tensor) {
  if (length(tensor$shape) > 1) aperm(array(tensor$data, rev(tensor$shape))) else tensor$data
}
