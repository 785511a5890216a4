# L-BFGS, which keeps its memory with the first parameter: names of R torch, where they are others.
torch_memory_keys <- c(
  iterations = "n_iter", gradient = "prev_flat_grad", direction = "d", length = "t",
  differences = "old_dirs", steps = "old_stps"
)

read_torch_history <- function(optimizer, class, flat) {
  held <- optimizer$state$get(flat[[1]])
  held <- if (is.environment(held)) as.list(held) else held
  key <- function(name) if (class$own) name else torch_memory_keys[[name]]
  number <- function(x) if (is_torch(x)) as.double(x$item()) else as.double(x)
  memory <- list(iterations = as.integer(number(held[[key("iterations")]] %||% 0)))
  if (memory$iterations > 0) {
    memory$length <- number(held[[key("length")]])
    memory$gradient <- row_of(held[[key("gradient")]])
    memory$direction <- row_of(held[[key("direction")]])
    memory$differences <- lapply(held[[key("differences")]], row_of)
    memory$steps <- lapply(held[[key("steps")]], row_of)
  }
  parts <- cut_history(memory, lapply(flat, function(x) as.integer(x$shape)))
  Map(
    function(param, part) {
      list(row = row_of(param), step = memory$iterations, kept = history_kept(memory), state = part)
    },
    flat, parts
  )
}

# The memory as the library keeps it, with what R torch derives from the pairs, in its own words; NULL where there is
# none.
torch_history <- function(memory, class, param) {
  if (memory$iterations == 0) {
    return(NULL)
  }
  vector <- function(row) row_tensor(row, length(row), param$dtype)$to(device = param$device)
  held <- list(
    iterations = as.double(memory$iterations), gradient = vector(memory$gradient), direction = vector(memory$direction),
    differences = lapply(memory$differences, vector), steps = lapply(memory$steps, vector)
  )
  if (class$own) {
    held$length <- torch::torch_scalar_tensor(memory$length, dtype = param$dtype, device = param$device)
    return(held)
  }
  held$length <- memory$length
  names(held) <- torch_memory_keys[names(held)]
  held$func_evals <- 0
  curvatures <- Map(function(y, s) y$dot(s), held$old_dirs, held$old_stps)
  held$ro <- lapply(curvatures, function(ys) 1. / ys)
  newest <- length(curvatures)
  held$H_diag <- if (newest > 0) curvatures[[newest]] / held$old_dirs[[newest]]$dot(held$old_dirs[[newest]]) else 1
  list2env(held, parent = emptyenv())
}
