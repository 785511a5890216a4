# What an optimizer that chooses where to evaluate keeps: flat vectors over all parameters, in their order. A file holds
# the parts of each parameter.

history_columns <- c("differences", "steps")
history_variables <- c("gradient", "direction", history_columns)

# `memory`: iterations, gradient, direction, length, and the lists differences and steps, oldest first; numbers all.
# Parameter to variable to list(shape, data).
cut_history <- function(memory, shapes) {
  sizes <- vapply(shapes, prod, 0)
  ends <- cumsum(sizes)
  if (memory$iterations == 0) {
    return(lapply(shapes, function(shape) list()))
  }
  parts <- lapply(seq_along(shapes), function(i) {
    place <- ends[i] - sizes[i] + seq_len(sizes[i])
    rows <- function(vectors) {
      list(shape = c(length(vectors), shapes[[i]]), data = as.double(unlist(lapply(vectors, `[`, place))))
    }
    one <- function(vector) list(shape = shapes[[i]], data = vector[place])
    list(
      gradient = one(memory$gradient), direction = one(memory$direction),
      differences = rows(memory$differences), steps = rows(memory$steps)
    )
  })
  stats::setNames(parts, names(shapes))
}

history_kept <- function(memory) {
  wire_object(if (memory$iterations > 0) list(length = memory$length))
}

# The memory of a saved state, its parts in the order of `names`.
joined_history <- function(saved, names) {
  one <- saved$parameters[[names[1]]]
  if (identical(as.numeric(one$step), 0)) {
    return(list(iterations = 0L, differences = list(), steps = list()))
  }
  tensors <- function(variable) lapply(names, function(name) saved$tensors[[state_tensor(name, variable)]])
  flat <- function(variable) unlist(lapply(tensors(variable), function(tensor) tensor$data))
  rows <- function(variable) {
    lapply(seq_len(tensors(variable)[[1]]$shape[1]), function(i) {
      unlist(lapply(tensors(variable), function(tensor) {
        size <- length(tensor$data) / tensor$shape[1]
        tensor$data[(i - 1) * size + seq_len(size)]
      }))
    })
  }
  list(
    iterations = as.integer(one$step), gradient = flat("gradient"), direction = flat("direction"),
    length = one$kept$length, differences = rows("differences"), steps = rows("steps")
  )
}
