# Whether a saved state fits an optimizer, before any of it is taken.

# Refuses one that does not fit; returns the optimizer's parameters in its order.
check_state_dict <- function(binding, groups, saved) {
  refuse <- function(...) {
    abort(sprintf("%s: the saved state %s", binding$name, sprintf(...)), "crossoptim_value_error")
  }
  if (!is.list(saved) || !all(c("param_groups", "state") %in% names(saved))) {
    refuse("is not a list of param_groups and state")
  }
  if (length(saved$param_groups) != length(groups)) {
    refuse("has %d groups (expected %d)", length(saved$param_groups), length(groups))
  }
  for (i in seq_along(groups)) {
    sizes <- lengths(list(saved$param_groups[[i]]$params, groups[[i]]$params))
    if (sizes[1] != sizes[2]) {
      refuse("has %d parameters in group %d (expected %d)", sizes[1], i, sizes[2])
    }
    options <- groups[[i]]
    changed <- setdiff(names(saved$param_groups[[i]]), "params")
    options[changed] <- saved$param_groups[[i]][changed]
    group_setting(binding, options)
  }
  params <- unlist(lapply(groups, function(group) group$params))
  for (index in names(saved$state)) {
    if (!index %in% seq_along(params)) {
      refuse("has a parameter '%s' (expected 1 to %d)", index, length(params))
    }
    check_held(binding, saved$state[[index]], params[[as.integer(index)]]$shape, function(key, found, expected) {
      refuse("has %s for %s of parameter %s (expected shape (%s))", found, key, index, toString(expected))
    })
  }
  params
}

# The tensors that are kept for a parameter, against their shapes beside it.
check_held <- function(binding, held, shape, refuse) {
  for (variable in specification()$rules[[binding$rule]]$state) {
    key <- binding$state[[variable$name]]
    if (key %in% names(held)) {
      found <- held[[key]]
      expected <- shape_beside(shape, variable$shape)
      if (!is_torch(found)) {
        refuse(key, "no tensor", expected)
      }
      if (!identical(as.integer(found$shape), as.integer(expected))) {
        refuse(key, sprintf("shape (%s)", toString(found$shape)), expected)
      }
    }
  }
}

# What was saved for a parameter, as this optimizer keeps it: other libraries have tensors for the count of steps and
# for kept numbers.
taken_up <- function(binding, held, param) {
  numbers <- c("step", unlist(binding$kept))
  Map(
    function(x, key) {
      if (!is_torch(x)) {
        x
      } else if (key %in% numbers) {
        as.double(x$item())
      } else {
        x$to(dtype = param$dtype, device = param$device)
      }
    },
    held, names(held)
  )
}
