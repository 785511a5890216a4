# Optimizers for R torch that choose where to evaluate: the specification's conversation (conversations-generated.R) on
# flat R torch tensors, answered by the caller's closure. What they keep is kept with the first parameter: the number of
# `iterations`, the last `gradient`, `direction` and `length`, and the pairs `differences` and `steps`, oldest first.

closure_optimizer_methods <- list(
  add_param_group = function(param_group) {
    if (length(self$param_groups) > 0) {
      abort(
        sprintf("%s: a second parameter group (expected one, of all parameters)", self$binding$name),
        "crossoptim_value_error"
      )
    }
    super$add_param_group(param_group)
    check_vector(self$binding$name, self$param_groups[[1]]$params)
  },
  step = function(closure = NULL) {
    if (!is.function(closure)) {
      abort(
        sprintf("%s: step() without a closure (expected one that evaluates loss and gradients)", self$binding$name),
        "crossoptim_value_error"
      )
    }
    group <- self$param_groups[[1]]
    setting <- group_setting(self$binding, group)
    done <- converse(self$binding$name, setting, group$params, self$state$get(group$params[[1]]), closure)
    self$state$set(group$params[[1]], done$state)
    done$loss
  },
  load_state_dict = function(state_dict, ...) {
    params <- check_state_dict(self$binding, self$param_groups, state_dict)
    check_vectors(self$binding$name, params, state_dict$state)
    state_dict$state <- copy_like(state_dict$state, params[[1]])
    super$load_state_dict(state_dict, ...)
    # An option that was NULL is not there.
    optional <- names(Filter(is.null, formals(get(self$binding$name))))
    for (option in setdiff(optional, names(state_dict$param_groups[[1]]))) {
      self$param_groups[[1]][[option]] <- NULL
    }
    invisible(self)
  }
)

# All parameters form one vector.
check_vector <- function(name, params) {
  kinds <- unique(vapply(params, function(param) {
    sprintf("%s on %s", tolower(as.character(param$dtype)), param$device$type)
  }, ""))
  if (length(kinds) > 1) {
    abort(
      sprintf("%s: parameters are %s (expected one dtype on one device)", name, toString(kinds)),
      "crossoptim_value_error"
    )
  }
}

# The tensors of nested lists as tensors of their own, in the dtype and on the device of one.
copy_like <- function(x, like) {
  if (is_torch(x)) {
    x$detach()$to(dtype = like$dtype, device = like$device)$clone()
  } else if (is.list(x)) {
    lapply(x, copy_like, like = like)
  } else {
    x
  }
}

# What was saved is vectors as long as the parameters', and as many differences as steps.
check_vectors <- function(name, params, states) {
  size <- sum(vapply(params, function(param) param$numel(), 0))
  for (state in states) {
    for (part in c("gradient", "direction", "differences", "steps")) {
      kept <- if (is_torch(state[[part]])) state[part] else state[[part]]
      fits <- vapply(kept, function(x) is_torch(x) && identical(as.double(x$shape), as.double(size)), NA)
      if (!all(fits) || length(state$differences) != length(state$steps)) {
        abort(
          sprintf("%s: the saved %s do not fit the parameters (expected vectors of length %d)", name, part, size),
          "crossoptim_value_error"
        )
      }
    }
  }
}

# One step from the state that was kept, or NULL. Where it fails, the parameters are put back.
converse <- function(name, setting, params, state, closure) {
  torch::local_no_grad()
  start <- flat_tensor(params)
  words <- tensor_words(start)
  is_done <- FALSE
  on.exit(if (!is_done) scatter(start, params), add = TRUE, after = FALSE)

  first_loss <- NULL
  evaluate <- function(point) {
    scatter(point, params)
    loss <- torch::with_enable_grad(closure())
    value <- loss_number(name, loss)
    first_loss <<- first_loss %||% loss
    talk$new_evaluation(point, words$number(value), flat_gradient(params))
  }
  talk <- get(paste0(setting$rule, "_conversation"))(evaluate)
  memory <- list2env(talk$new_memory())
  kept <- setdiff(names(memory), c("pairs", "travel"))
  for (part in intersect(kept, names(state))) {
    memory[[part]] <- state[[part]]
  }
  memory$pairs <- Map(list, state$differences, state$steps)
  outcome <- talk$converse(words, list2env(c(setting$values, talk$conduct)), memory, start)
  scatter(outcome$point, params)
  is_done <- TRUE

  parts <- function(i) lapply(memory$pairs, function(pair) pair[[i]])
  list(loss = first_loss, state = c(mget(kept, memory), list(differences = parts(1), steps = parts(2))))
}

# The conversation's namespace: vectors are flat tensors, numbers are tensors without dimensions, of the same dtype.
# A bare number on the left of one would make it float32.
tensor_words <- function(like) {
  decided <- function(condition) condition$item()
  list(
    number = function(value) torch::torch_scalar_tensor(as.double(value), dtype = like$dtype, device = like$device),
    dot = torch::torch_dot,
    largest = function(x) x$abs()$max(),
    total = function(x) x$abs()$sum(),
    sqrt = torch::torch_sqrt,
    holds = decided,
    named = function(name, value) value,
    clipped = function(x, low, high) {
      x <- if (decided(low > x)) low else x
      if (decided(high < x)) high else x
    },
    measured = function(t, d, travel) t,
    seen = function(step, travel) step
  )
}

flat_tensor <- function(tensors) {
  torch::torch_cat(lapply(tensors, function(tensor) tensor$reshape(-1)))
}

# A parameter without gradient counts as one of zeros.
flat_gradient <- function(params) {
  flat_tensor(lapply(params, function(param) {
    grad <- param$grad
    if (!is_tensor(grad)) torch::torch_zeros_like(param) else if (grad$is_sparse()) grad$to_dense() else grad
  }))
}

scatter <- function(flat, params) {
  parts <- torch::torch_split(flat, vapply(params, function(param) param$numel(), 0))
  torch::with_no_grad(for (i in seq_along(params)) {
    params[[i]]$copy_(parts[[i]]$view_as(params[[i]]))
  })
}

loss_number <- function(name, loss) {
  if (is_tensor(loss) && loss$numel() == 1) {
    return(as.double(loss$item()))
  }
  if (!is.numeric(loss) || length(loss) != 1) {
    shape <- if (is_tensor(loss)) sprintf(" of shape (%s)", toString(loss$shape)) else ""
    abort(
      sprintf("%s: the closure returned a %s%s (expected the loss, one number)", name, class(loss)[1], shape),
      "crossoptim_value_error"
    )
  }
  as.double(loss)
}
