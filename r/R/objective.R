# Objectives of closed-loop runs: expression text evaluated on R torch tensors.

objective_functions <- function() {
  list2env(
    list(
      `(` = identity, `+` = `+`, `-` = `-`, `*` = `*`, `/` = `/`, `^` = `^`,
      sum = function(x) x$sum(),
      sum_rows = function(x) x$sum(dim = 2, keepdim = TRUE),
      sum_columns = function(x) x$sum(dim = 1),
      matmul = function(a, b) torch::torch_matmul(a, b),
      transpose = function(x) x$t(),
      exp = function(x) x$exp(),
      log = function(x) x$log(),
      tanh = function(x) x$tanh(),
      cos = function(x) x$cos(),
      sqrt = function(x) x$sqrt()
    ),
    parent = emptyenv()
  )
}

# A function that computes the loss, a 0-d tensor, at the parameters' present values.
compile_objective <- function(objective, params, dtype) {
  # R torch makes float32 of a bare number on the left of a one-element float64 tensor, so literals are tensors.
  literal <- function(value) torch::torch_scalar_tensor(value, dtype = dtype)
  calls <- parse_statements(objective$statements, literal)
  functions <- objective_functions()
  values <- c(params, lapply(objective$data, as_tensor, dtype = dtype))
  function() evaluate_statements(calls, values, functions)$loss
}

# The same text as a function of a named list of numeric vectors, in base R.
plain_objective <- function(objective) {
  functions <- list2env(
    list(
      `(` = identity, `+` = `+`, `-` = `-`, `*` = `*`, `/` = `/`, `^` = `^`,
      sum = sum, exp = exp, log = log, tanh = tanh, cos = cos, sqrt = sqrt
    ),
    parent = emptyenv()
  )
  calls <- parse_statements(objective$statements, as.double)
  data <- lapply(objective$data, function(tensor) read_row(tensor$data))
  function(params) evaluate_statements(calls, c(params, data), functions)$loss
}
