# Settings of the specification's rules, and which of a rule's equations is the one for a setting.

# A rule, or a preset of one, with a value for each of its hyperparameters and switches: a list of the optimizer's
# `name`, that of its `rule`, and the `values`. Refuses what the specification does not admit.
rule_setting <- function(name, arguments = list()) {
  found <- find_optimizer(name)
  rule <- specification()$rules[[found$rule]]
  options <- rule_options(rule)
  unknown <- setdiff(names(arguments), names(options))
  if (length(arguments) > 0 && (is.null(names(arguments)) || any(!nzchar(names(arguments))))) {
    abort(sprintf("%s: an option has no name", name), "crossoptim_value_error")
  }
  if (length(unknown) > 0) {
    abort(
      sprintf("%s: '%s' is not an option (expected one of %s)", name, unknown[1], toString(names(options))),
      "crossoptim_value_error",
      option = unknown[1]
    )
  }
  preset <- rule$presets[[name]]
  given <- c(preset$switches, preset$hyper)
  given[names(arguments)] <- arguments
  values <- lapply(options, function(option) {
    value <- if (option$name %in% names(given)) given[[option$name]] else option$default
    checked_option(name, option, value)
  })
  for (constraint in rule$constraints) {
    if (!condition_holds(constraint$holds, values)) {
      abort(sprintf("%s: %s", name, constraint$text), "crossoptim_value_error")
    }
  }
  list(name = name, rule = found$rule, values = values)
}

# A setting with some of its values changed.
change_setting <- function(setting, arguments) {
  values <- setting$values
  values[names(arguments)] <- arguments
  rule_setting(setting$name, values)
}

# A rule's hyperparameters and switches, by name.
rule_options <- function(rule) {
  options <- c(rule$hyper, rule$switches)
  stats::setNames(options, vapply(options, function(option) option$name, ""))
}

# The rule of an optimizer's name, and the preset where it is one's.
find_optimizer <- function(name) {
  rules <- specification()$rules
  presets <- presets_of(rules)
  if (!is.character(name) || length(name) != 1 || !name %in% c(names(rules), names(presets))) {
    unknown_name("optimizer", name, c(names(rules), names(presets)), "crossoptim_unknown_optimizer")
  }
  list(rule = if (name %in% names(rules)) name else presets[[name]])
}

# Preset to rule.
presets_of <- function(rules) {
  of <- lapply(names(rules), function(rule) lapply(rules[[rule]]$presets, function(preset) rule))
  unlist(of)
}

# An option's value as the specification takes it.
checked_option <- function(optimizer, option, value) {
  refuse <- function(problem) {
    shown <- if (is.null(value)) "NULL" else paste(format(value, digits = 15), collapse = ", ")
    abort(
      sprintf("%s: %s = %s %s", optimizer, option$name, shown, problem), "crossoptim_value_error",
      option = option$name, value = value, interval = option$interval
    )
  }
  if (!is.null(option$values)) {
    checked_variant(option, value, refuse)
  } else if (identical(option$type, "flag")) {
    checked_flag(value, refuse)
  } else if (!is.null(value) || !is.null(option$default)) {
    checked_number(option, value, refuse)
  }
}

checked_variant <- function(option, value, refuse) {
  if (!is.character(value) || length(value) != 1 || !value %in% names(option$values)) {
    refuse(sprintf("is not a variant (expected one of %s)", toString(names(option$values))))
  }
  value
}

checked_flag <- function(value, refuse) {
  if (!isTRUE(value) && !isFALSE(value)) {
    refuse("is not a flag (expected TRUE or FALSE)")
  }
  isTRUE(value)
}

checked_number <- function(option, value, refuse) {
  if (!is.numeric(value) || length(value) != 1) {
    refuse(sprintf("is not a number (expected a number in %s)", option$interval))
  }
  if (is.na(value) || !in_interval(value, option$interval)) {
    refuse(sprintf("is outside %s", option$interval))
  }
  if (identical(option$type, "whole") && value != round(value)) {
    refuse(sprintf("is not a whole number (expected one in %s)", option$interval))
  }
  as.double(value)
}

# An interval as the specification writes it: "[0, 1)", "(-inf, inf)".
in_interval <- function(value, text) {
  ends <- as.numeric(strsplit(substr(text, 2, nchar(text) - 1), ",", fixed = TRUE)[[1]])
  above <- if (startsWith(text, "[")) value >= ends[1] else value > ends[1]
  below <- if (endsWith(text, "]")) value <= ends[2] else value < ends[2]
  above && below
}

# The rule's equation for some values and a parameter of a shape.
equation_for <- function(rule, values, shape) {
  check_shape(rule, shape)
  facts <- facts_of(rule, shape)
  described <- c(values, facts)
  for (equation in equations_of(rule)) {
    if (is_described(equation$when, described)) {
      return(equation)
    }
  }
  abort(
    sprintf(
      "%s: the specification carries no equation for %s", rule,
      toString(sprintf("%s = %s", names(described), vapply(described, function(value) format(value %||% "none"), "")))
    ),
    "crossoptim_value_error"
  )
}

equations_of <- function(rule) {
  if (is.null(read_once$equations)) {
    equations <- specification()$equations
    read_once$equations <- split(equations, vapply(equations, function(equation) equation$rule, ""))
  }
  read_once$equations[[rule]]
}

# `when` says of flags, facts, switches and whole numbers what they are; of a real number whether it is zero, or is
# there.
is_described <- function(when, values) {
  holds <- function(name) {
    value <- values[[name]]
    said <- when[[name]]
    if (is.null(value)) {
      identical(said, "none")
    } else if (is.numeric(value) && is.character(said)) {
      switch(said,
        zero = value == 0,
        nonzero = value != 0,
        said == "number"
      )
    } else {
      value == said
    }
  }
  all(vapply(names(when), holds, NA))
}

# What a rule's equations ask of a parameter's shape: fact to TRUE or FALSE.
facts_of <- function(rule, shape) {
  facts <- specification()$rules[[rule]]$facts
  names(facts) <- vapply(facts, function(fact) fact$name, "")
  lapply(facts, function(fact) condition_holds(fact$holds, shape_numbers(shape)))
}

check_shape <- function(rule, shape) {
  takes <- specification()$rules[[rule]]$takes
  if (!is.null(takes$holds) && !condition_holds(takes$holds, shape_numbers(shape))) {
    abort(
      sprintf("%s: a parameter has shape (%s) (expected %s)", rule, toString(shape), takes$text),
      "crossoptim_value_error"
    )
  }
}

# A shape in the names of the specification's conditions; an axis that is not there is one long.
shape_numbers <- function(shape) {
  axes <- length(shape)
  list(
    axes = axes,
    rows = if (axes >= 2) shape[[axes - 1]] else 1,
    columns = if (axes >= 1) shape[[axes]] else 1
  )
}

# Conditions are expression text; a flag is 0 or 1 there, and so is the answer.
condition_holds <- function(text, values) {
  calls <- parse_statements(list(list("holds", text)), as.double)
  isTRUE(as.logical(evaluate_statements(calls, values, reference_functions("float64"))$holds))
}
