# One step of the parameters of a group for which there is a kernel. What a kernel takes is gathered in a batch, one for
# each dtype, and kept while the group, its equation and its state are what they were: then a step is few calls for
# however many parameters.

# The gradients of a group: of each its `dtype` as an index into `storages`, 0 where there is none, -1 where no kernel
# takes it, the `address` in memory, and those that no kernel takes as `tensors`.
find_gradients <- function(params, plan, binding, memory) {
  found <- if (is.null(memory) || is.null(plan$equation)) {
    list(dtype = rep(-1L, length(params)))
  } else {
    .Call(memory$describe, params, TRUE)
  }
  odd <- found$dtype < 0
  found$tensors <- vector("list", length(params))
  found$tensors[odd] <- lapply(params[odd], dense_gradient, binding = binding)
  found
}

# Steps what kernels take, and returns the gradients of what is left.
step_by_kernels <- function(optimizer, i, gradients, plan, memory, known) {
  for (dtype in setdiff(unique(gradients$dtype), c(-1L, 0L))) {
    taken <- which(gradients$dtype == dtype)
    key <- paste(i, dtype)
    batch <- known[[key]]
    if (!batch_holds(batch, optimizer$param_groups[[i]]$params, taken, plan, memory)) {
      batch <- torch::with_no_grad(new_batch(optimizer, i, dtype, taken, plan, memory))
    }
    optimizer$batches[[key]] <- batch
    if (length(batch$members) > 0) {
      run_batch(optimizer, batch, gradients$address[batch$members], plan$setting$values, memory)
    }
    left <- setdiff(taken, batch$members)
    gradients$tensors[left] <- lapply(optimizer$param_groups[[i]]$params[left], dense_gradient, optimizer$binding)
  }
  gradients$tensors
}

# Whether a batch is that of these parameters, equation and memory. Where the parameters lie is asked anew; the state is
# the optimizer's own, and stays where it is.
batch_holds <- function(batch, params, taken, plan, memory) {
  same <- length(batch$members) > 0 && identical(batch$params, params) && identical(batch$taken, taken) &&
    identical(batch$id, plan$equation$id)
  if (!same) {
    return(FALSE)
  }
  now <- .Call(memory$describe, batch$stepped, FALSE)
  batch$addresses[1, ] <- now$address
  all(now$dtype == batch$dtype) && identical(now$size, batch$sizes)
}

# An environment: `members` are the group's parameters that are in it, `stepped` these themselves, `addresses` a column
# for each, of the parameter and its state, `places` where in the optimizer's list the state is.
new_batch <- function(optimizer, i, dtype, taken, plan, memory) {
  params <- optimizer$param_groups[[i]]$params
  batch <- list2env(list(id = plan$equation$id, dtype = dtype, params = params, taken = taken, members = integer()))
  kernel <- find_kernel(plan$equation, names(storages)[dtype])
  if (is.null(kernel)) {
    return(batch)
  }
  find_scalars <- scalar_finder(plan$setting)
  states <- lapply(unname(params[taken]), function(param) begin_state(param, plan, optimizer, find_scalars))
  keys <- unlist(optimizer$binding$state[kernel$variables])
  tensors <- Map(function(param, state) c(list(param), state[keys]), unname(params[taken]), states)
  all <- unlist(tensors, recursive = FALSE, use.names = FALSE)
  found <- lapply(.Call(memory$describe, all, FALSE), matrix, length(keys) + 1)
  alike <- colSums(found$dtype != dtype | found$size != rep(found$size[1, ], each = length(keys) + 1)) == 0

  batch$members <- taken[alike]
  batch$kernel <- kernel
  batch$stepped <- params[batch$members]
  batch$tensors <- tensors[alike] # of which none may go while its address is known
  batch$addresses <- found$address[, alike, drop = FALSE]
  batch$sizes <- found$size[1, alike]
  batch$alone <- overlap(batch$addresses, rep(batch$sizes, each = nrow(batch$addresses)) * storages[[dtype]]$bytes)
  batch$counts <- length(keys) > 0
  batch$steps <- vapply(states[alike], function(state) state$step %||% 0, 0)
  batch$names <- unlist(optimizer$binding$kept[kernel$kept])
  kept <- lapply(states[alike], function(state) as.double(unlist(state[batch$names])))
  batch$kept <- matrix(unlist(kept), length(batch$names), length(batch$members))
  batch$places <- places_of(optimizer, i, batch$members)
  batch
}

# Whether some memory belongs to two of several tensors: then they are stepped in turn, not by several threads.
overlap <- function(addresses, bytes) {
  filled <- bytes > 0
  at <- order(addresses[filled])
  begin <- addresses[filled][at]
  any(utils::head(begin + bytes[filled][at], -1) > begin[-1])
}

# What is kept for a parameter, with what is missing as it is before the first step.
begin_state <- function(param, plan, optimizer, find_scalars) {
  equation <- plan$find_equation(param)
  state <- optimizer$state$get(param)
  if (!equation$counts) {
    return(state)
  }
  state$step <- state$step %||% 0
  held <- held_state(param, param$grad, state, plan, optimizer$binding, find_scalars)
  state[held$keys] <- held$tensors
  state[held$kept] <- held$before
  optimizer$state$set(param, state)
  state
}

# Where in the optimizer's list of states those of a group's parameters are.
places_of <- function(optimizer, i, members) {
  before <- sum(lengths(lapply(optimizer$param_groups[seq_len(i - 1)], function(group) group$params)))
  match(before + members, names(optimizer$state_dict()$state))
}

# One step of a batch, in place.
run_batch <- function(optimizer, batch, gradients, values, memory) {
  batch$steps <- batch$steps + batch$counts
  made <- all_numbers(batch$kernel, values, batch$kept, batch$steps)
  addresses <- rbind(batch$addresses[1, ], gradients, batch$addresses[-1, , drop = FALSE])
  threads <- if (batch$alone) 1L else torch::torch_get_num_threads()
  .Call(batch$kernel$run, batch$sizes, addresses, made$numbers, threads)
  .Call(memory$touch, batch$stepped)
  if (batch$counts) {
    batch$kept <- made$kept
    states <- optimizer$state$map[batch$places]
    for (j in seq_along(states)) {
      states[[j]]$step <- batch$steps[j]
      if (length(batch$names) > 0) {
        states[[j]][batch$names] <- made$kept[, j]
      }
    }
    optimizer$state$map[batch$places] <- states
  }
}
