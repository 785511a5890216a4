# The options of a parameter group, in a library's names, as a setting of the specification.

# A group's options as a setting of the rule, validated.
group_setting <- function(binding, group) {
  values <- list()
  for (argument in names(binding$args)) {
    ours <- binding$args[[argument]]
    given <- group[[argument]]
    if (length(given) != length(ours) && length(ours) > 1) {
      abort(
        sprintf(
          "%s: %s has %d numbers (expected %d: %s)",
          binding$name, argument, length(given), length(ours), toString(ours)
        ),
        "crossoptim_value_error",
        option = argument
      )
    }
    spelled <- binding$spellings[[argument]]
    values[ours] <- if (!is.null(spelled)) {
      unspelled(binding$name, argument, given, spelled)
    } else if (length(ours) > 1) {
      lapply(given, none_if_na)
    } else {
      list(none_if_na(given))
    }
  }
  rule_setting(binding$optimizer, values)
}

# The specification's word for what a library calls something else, in a list.
unspelled <- function(name, argument, given, spelled) {
  said <- vapply(spelled, identical, NA, given)
  if (!any(said)) {
    abort(
      sprintf(
        "%s: %s = %s is not known (expected one of %s)", name, argument, deparse(given)[1],
        toString(vapply(spelled, function(value) deparse(value)[1], ""))
      ),
      "crossoptim_value_error",
      option = argument, value = given
    )
  }
  list(names(spelled)[said])
}

# In a vector of numbers NA stands for the one that the equation finds itself.
none_if_na <- function(value) {
  if (length(value) == 1 && is.atomic(value) && is.na(value) && !is.nan(value)) NULL else value
}

check_params <- function(name, setting, params, held) {
  floating <- vapply(params, function(param) is_torch(param) && param$dtype$is_floating_point, NA)
  if (length(params) == 0 || !all(floating)) {
    abort(sprintf("%s: a group's params are not all floating-point tensors", name), "crossoptim_value_error")
  }
  find_equation <- equation_finder(setting)
  for (i in seq_along(params)) {
    if (any(vapply(c(held, params[seq_len(i - 1)]), identical, NA, params[[i]]))) {
      abort(sprintf("%s: some parameters appear in more than one parameter group", name), "crossoptim_value_error")
    }
    check_shape(setting$rule, params[[i]]$shape)
    find_equation(params[[i]])
  }
}
