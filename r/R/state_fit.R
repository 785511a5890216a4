# Whether a saved state fits an optimizer: every difference, before anything changes.

state_differences <- function(saved, view, parameters) {
  if (saved$rule != view$rule) {
    return(sprintf("the file is of %s, the optimizer is %s", saved$rule, view$rule))
  }
  there <- names(view$shapes)
  kept <- names(saved$parameters)
  found <- c(
    sprintf("parameter '%s' is not in the file", setdiff(there, kept)),
    sprintf("the file's parameter '%s' is not in the optimizer", setdiff(kept, there))
  )
  if (length(saved$groups) != length(view$groups)) {
    counted <- function(groups) sprintf("%d group%s", length(groups), if (length(groups) == 1) "" else "s")
    found <- c(found, sprintf("the file has %s, the optimizer %s", counted(saved$groups), counted(view$groups)))
  } else if (length(found) == 0) {
    found <- unlist(Map(group_differences, saved$groups, view$groups, seq_along(saved$groups) - 1L))
  }
  for (group in saved$groups) {
    for (name in intersect(group$params, there)) {
      place <- list(shape = view$shapes[[name]], dtype = view$dtypes[[name]])
      found <- c(found, parameter_differences(saved, group$values, name, place, parameters))
    }
  }
  for (name in intersect(view$stuck, kept)) {
    if (length(saved_variables(saved, name)) == 0) {
      found <- c(found, sprintf("%s has a state in the optimizer, which it cannot forget, and none in the file", name))
    }
  }
  known <- unlist(lapply(kept, function(name) {
    c(param_tensor(name), state_tensor(name, names(saved_variables(saved, name))))
  }))
  c(found, sprintf("%s is no tensor of %s", setdiff(names(saved$tensors), known), saved$rule))
}

group_differences <- function(saved, there, number) {
  members <- if (!setequal(saved$params, there$params)) {
    sprintf(
      "group %d of the file holds %s, of the optimizer %s", number, toString(saved$params), toString(there$params)
    )
  }
  binding <- there$binding
  rule <- specification()$rules[[binding$rule]]
  switches <- unlist(lapply(rule$switches, function(switch) {
    argument <- foreign_argument(binding, switch$name)
    takes <- if (is.null(argument)) {
      binding$switches[[switch$name]] %||% switch$default
    } else {
      names(binding$spellings[[argument]] %||% switch$values)
    }
    if (!saved$values[[switch$name]] %in% takes) {
      sprintf(
        "group %d: %s = %s, %s has %s", number, switch$name, saved$values[[switch$name]], binding$name,
        paste(takes, collapse = " or ")
      )
    }
  }))
  numbers <- unlist(lapply(rule$hyper, function(option) {
    value <- saved$values[[option$name]]
    interval <- binding$bounds[[option$name]]
    if (is.null(foreign_argument(binding, option$name)) && !same_value(value, option$default)) {
      sprintf("group %d: %s = %s, %s has no argument for it", number, option$name, option_text(value), binding$name)
    } else if (!is.null(interval) && !is.null(value) && !in_interval(value, interval)) {
      sprintf("group %d: %s = %s, %s takes %s", number, option$name, option_text(value), binding$name, interval)
    }
  }))
  c(members, switches, numbers)
}

parameter_differences <- function(saved, values, name, place, parameters) {
  one <- saved$parameters[[name]]
  held <- saved_variables(saved, name)
  found <- c(
    if (!identical(as.integer(one$shape), as.integer(place$shape))) {
      sprintf("%s has shape [%s] in the file, [%s] in the optimizer", name, toString(one$shape), toString(place$shape))
    },
    if (one$dtype != place$dtype) sprintf("%s is %s in the file, %s in the optimizer", name, one$dtype, place$dtype),
    if (parameters) tensor_differences(saved, param_tensor(name), one$shape, one$dtype),
    unlist(lapply(names(held), function(variable) {
      tensor_differences(saved, state_tensor(name, variable), saved_shape(saved, name, variable), one$dtype)
    }))
  )
  if (length(held) == 0 && identical(as.numeric(one$step %||% 0), 0)) {
    return(found)
  }
  equation <- if (!chooses(saved$rule)) {
    tryCatch(equation_for(saved$rule, values, one$shape), crossoptim_error = conditionMessage)
  }
  if (is.character(equation)) {
    return(c(found, equation))
  }
  wanted <- if (is.null(equation)) history_variables else unlist(equation$state)
  numbers <- if (is.null(equation)) "length" else names(equation$kept)
  lacking <- setdiff(numbers, names(one$kept))
  absent <- setdiff(wanted, names(held))
  uncounted <- is.null(one$step) && length(lacking) == 0 &&
    (is.null(equation) || count_matters(equation, values, one$kept))
  c(
    found,
    sprintf("%s is missing", state_tensor(name, absent)),
    sprintf("the kept number %s of %s is missing", lacking, name),
    if (uncounted) sprintf("the step count of %s is missing", name)
  )
}

tensor_differences <- function(saved, key, shape, dtype) {
  tensor <- saved$tensors[[key]]
  if (is.null(tensor)) {
    return(sprintf("%s is missing", key))
  }
  c(
    if (!identical(as.integer(tensor$shape), as.integer(shape))) {
      sprintf("%s has shape [%s] (expected [%s])", key, toString(tensor$shape), toString(shape))
    },
    if (tensor$dtype != dtype) sprintf("%s is %s (expected %s)", key, tensor$dtype, dtype)
  )
}

# A state variable's shape; of a history, as many rows as there are differences.
saved_shape <- function(saved, name, variable) {
  shape <- saved$parameters[[name]]$shape
  if (variable %in% history_columns && chooses(saved$rule)) {
    first <- saved$tensors[[state_tensor(name, history_columns[1])]]$shape
    return(c(if (length(first) > 0) first[1] else 0L, shape))
  }
  for (one in specification()$rules[[saved$rule]]$state) {
    if (one$name == variable) {
      return(shape_beside(shape, one$shape))
    }
  }
  shape
}

# Whether it matters how many updates there were, beyond the first.
count_matters <- function(equation, values, kept) {
  at <- function(t) reference_scalars(equation, c(values[unlist(equation$hyper)], kept), t)
  !identical(at(2), at(1e6))
}
