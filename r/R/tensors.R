# The specification's equations on the tensors of R torch. Every number in them is a 0-d tensor of the parameter's
# dtype and rounded to it once: R torch makes float32 of a bare number on the left of a one-element float64 tensor,
# and of a number over a tensor it makes the number times the reciprocal.

tensor_functions <- function(number, dtype) {
  list2env(
    list(
      `(` = identity,
      `+` = torch::torch_add,
      `-` = function(a, b) if (missing(b)) torch::torch_neg(a) else torch::torch_sub(a, b),
      `*` = torch::torch_mul,
      `/` = function(a, b) torch::torch_div(a, b),
      `^` = torch::torch_pow,
      `<` = torch::torch_lt, `>` = torch::torch_gt, `<=` = torch::torch_le, `>=` = torch::torch_ge,
      sqrt = torch::torch_sqrt,
      maximum = torch::torch_maximum,
      where = torch::torch_where,
      sum = function(x) torch::torch_sum(x),
      sum_rows = function(x) torch::torch_sum(x, dim = -1, keepdim = TRUE),
      matmul = torch::torch_matmul,
      transpose = function(x) torch::torch_transpose(x, -1, -2),
      size = function(x) number(x$numel()),
      columns = function(x) number(x$size(-1)),
      epsilon = function(x) number(torch::torch_finfo(dtype)$eps)
    ),
    parent = emptyenv()
  )
}

compiled <- new.env(parent = emptyenv())

# An equation for tensors like one parameter: parsed once for each dtype and device.
tensor_equation <- function(equation, dtype, device) {
  key <- paste(equation$id, as.character(dtype), device$type, device$index)
  if (is.null(compiled[[key]])) {
    compiled[[key]] <- compile_tensors(equation, dtype, device)
  }
  compiled[[key]]
}

compile_tensors <- function(equation, dtype, device) {
  number <- function(value) torch::torch_scalar_tensor(value, dtype = dtype, device = device)
  functions <- tensor_functions(number, dtype)
  update <- parse_statements(equation$update, number)
  outputs <- grep("_new$", names(update), value = TRUE)
  variables <- sub("_new$", "", outputs)
  starts <- parse_statements(unname(Map(list, names(equation$init), equation$init)), number)
  read <- unique(unlist(c(lapply(update, all.vars), lapply(starts, all.vars))))
  # What is handed through, or has two names, is copied: state must not alias what others write to.
  handed <- variables[vapply(update[outputs], is.symbol, NA)]

  list(
    id = equation$id,
    variables = unlist(equation$state),
    counts = length(equation$state) > 0,
    hyper = unlist(equation$hyper),
    kept = names(equation$kept),
    begin_kept = function(values) initial_kept(equation, values),
    scalars = compile_scalars(equation),
    # Those of a list of numbers that the equation reads, as tensors.
    numbers = function(values) lapply(values[names(values) %in% read], number),
    # The variables before the first step; `values` holds the parameter, the gradient and the numbers.
    begin = function(missing, values) {
      found <- evaluate_statements(starts[missing], values, functions)
      Map(
        function(start, variable) {
          kind <- equation$shapes[[variable]]
          fresh <- if (is.null(kind)) {
            torch::torch_empty_like(values$p)
          } else {
            torch::torch_empty(shape_beside(values$p$shape, kind), dtype = dtype, device = device)
          }
          fresh$copy_(start)
        },
        found, missing
      )
    },
    # The new parameter under `p`, and the new state.
    step = function(values) {
      results <- evaluate_statements(update, values, functions)[outputs]
      names(results) <- variables
      results[handed] <- lapply(results[handed], function(x) x$clone())
      results
    }
  )
}

# The shape of a state variable beside a parameter's: of `rows` it has one number each, or of `columns`.
shape_beside <- function(shape, kind) {
  axes <- length(shape)
  if (kind == "rows") shape[axes] <- 1L
  if (kind == "columns") shape[axes - 1L] <- 1L
  shape
}
