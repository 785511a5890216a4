# What python_optimizer() sends, and what it reads, in the protocol's form.

# The parameters of all groups in one list, and the groups by names; no groups where there is one of all.
read_groups <- function(params) {
  grouped <- is.list(params) && is.null(names(params)) && length(params) > 0 &&
    all(vapply(params, function(group) is.list(group) && is.list(group[["params"]]), NA))
  groups <- if (grouped) params else list(list(params = params))
  values <- do.call(c, lapply(groups, function(group) {
    if (!is_named_list(group$params)) {
      abort(
        "params is not a named list of arrays or tensors, or a list of groups, each with such a list as params",
        "crossoptim_value_error"
      )
    }
    group$params
  }))
  twice <- names(values)[duplicated(names(values))]
  if (length(twice) > 0) {
    abort(sprintf("params: there are two %s (expected a name for each)", twice[1]), "crossoptim_value_error")
  }
  list(values = values, groups = if (grouped) lapply(groups, wire_group))
}

is_named_list <- function(x) {
  is.list(x) && length(x) > 0 && !is.null(names(x)) && all(nzchar(names(x)))
}

wire_group <- function(group) {
  list(
    params = as.list(names(group$params)),
    arguments = wire_arguments(group[names(group) != "params"])
  )
}

# Hyperparameters for the wire: whole numbers, too, are numbers like all others.
wire_arguments <- function(arguments) {
  if (length(arguments) > 0 && (is.null(names(arguments)) || !all(nzchar(names(arguments))))) {
    abort("an option has no name (expected name = value, as in lr = 0.1)", "crossoptim_value_error")
  }
  wire_object(Map(
    function(key, value) {
      single <- length(value) == 1 && (is.numeric(value) || is.character(value) || is.logical(value) && !is.na(value))
      if (!is.null(value) && !single) {
        abort(sprintf("%s is not a single number, flag or text", key), "crossoptim_value_error")
      }
      if (is.numeric(value)) as.double(value) else value
    },
    names(arguments), arguments
  ))
}

wire_params <- function(values, dtype) {
  unname(Map(
    function(key, x) list(name = key, shape = lapply(shape_of(x), as.integer), data = I(row_in(x, dtype))),
    names(values), values
  ))
}

# An object for the wire: {} where a plain empty list would be [].
wire_object <- function(values) {
  if (length(values) == 0) stats::setNames(list(), character()) else values
}

row_in <- function(x, dtype) {
  if (dtype == "float32" && !is_torch(x)) float32(row_of(x)) else row_of(x)
}

default_dtype <- function(values) {
  first <- values[[1]]
  if (is_torch(first)) dtype_name(first) else "float64"
}

dtype_name <- function(tensor) {
  sub("^Double$", "float64", sub("^Float$", "float32", as.character(tensor$dtype)))
}

check_values <- function(values, dtype) {
  if (!identical(dtype, "float32") && !identical(dtype, "float64")) {
    abort(
      sprintf("dtype %s is not float32 or float64", deparse(dtype, nlines = 1)[1]), "crossoptim_value_error"
    )
  }
  for (key in names(values)) {
    x <- values[[key]]
    if (is_torch(x) && dtype_name(x) != dtype) {
      abort(
        sprintf("params: %s is a tensor of %s (expected %s, as Python computes)", key, dtype_name(x), dtype),
        "crossoptim_value_error"
      )
    }
    if (!is_torch(x) && !is.numeric(x)) {
      abort(sprintf("params: %s is no numeric array, and no torch tensor", key), "crossoptim_value_error")
    }
  }
}

# An option of an answer as R has it.
read_option <- function(value) {
  if (is.null(value) || is.logical(value)) value else read_argument(value)
}

read_memory <- function(memory) {
  list(
    iterations = as.integer(memory$iterations),
    gradient = read_row(memory$gradient),
    direction = read_row(memory$direction),
    length = if (!is.null(memory$length)) read_number(memory$length),
    differences = lapply(memory$differences, read_row),
    steps = lapply(memory$steps, read_row)
  )
}

wire_memory <- function(memory) {
  row <- function(x) if (!is.null(x)) I(as.double(x))
  list(
    iterations = as.integer(memory$iterations),
    gradient = row(memory$gradient),
    direction = row(memory$direction),
    length = memory$length,
    differences = lapply(memory$differences, row),
    steps = lapply(memory$steps, row)
  )
}
