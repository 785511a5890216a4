# One step of a parameter group on R torch's tensors.

# A group's options with what follows from them: the setting, its equations, the one for which there is a kernel, and
# where the gradient may be wanted.
group_plan <- function(binding, options) {
  setting <- group_setting(binding, options)
  rule <- specification()$rules[[setting$rule]]
  points <- Filter(function(variable) variable$gradient_point, rule$state)
  list(
    options = options, setting = setting, find_equation = equation_finder(setting),
    equation = if (rule$kind == "elementwise") equation_for(setting$rule, setting$values, integer()),
    points = vapply(points, function(variable) variable$name, "")
  )
}

# A function from a parameter to its equation. Only where the rule asks for it does the shape matter.
equation_finder <- function(setting) {
  asks <- length(specification()$rules[[setting$rule]]$facts) > 0
  found <- list()
  function(param) {
    shape <- if (asks) param$shape else integer()
    key <- paste0("x", shape, collapse = "")
    if (is.null(found[[key]])) {
      found[[key]] <<- equation_for(setting$rule, setting$values, shape)
    }
    tensor_equation(found[[key]], param$dtype, param$device)
  }
}

# One step of a group's parameters that have gradients, by torch's operations. Those of one age share the scalars of the
# step.
step_group <- function(params, gradients, plan, binding, states) {
  find_scalars <- scalar_finder(plan$setting)
  for (i in which(!vapply(gradients, is.null, NA))) {
    param <- params[[i]]
    equation <- plan$find_equation(param)
    state <- states$get(param) %||% list()
    held <- held_state(param, gradients[[i]], state, plan, binding, find_scalars)
    step <- find_scalars(equation, (state$step %||% 0) + equation$counts, held$before)
    values <- c(list(p = param, g = gradients[[i]]), step$tensors)
    new <- equation$step(c(values, stats::setNames(held$tensors, equation$variables)))
    if (equation$counts) {
      state$step <- step$t
      state[held$keys] <- new[equation$variables]
      state[held$kept] <- step$kept
      states$set(param, state)
    }
    param$copy_(new$p)
  }
}

# What an equation finds of a parameter's state, and under which keys it is kept: `tensors`, and the numbers `before`
# the step. What is not there is as it is before the first step.
held_state <- function(param, gradient, state, plan, binding, find_scalars) {
  equation <- plan$find_equation(param)
  keys <- unlist(binding$state[equation$variables])
  kept <- unlist(binding$kept[equation$kept])
  before <- if (all(kept %in% names(state))) {
    stats::setNames(state[kept], equation$kept)
  } else {
    equation$begin_kept(plan$setting$values)
  }
  tensors <- state[keys]
  absent <- vapply(tensors, is.null, NA)
  if (any(absent)) {
    step <- find_scalars(equation, (state$step %||% 0) + 1, before)
    values <- c(list(p = param, g = gradient), step$tensors)
    tensors[absent] <- equation$begin(equation$variables[absent], values)
  }
  list(keys = keys, kept = kept, tensors = tensors, before = before)
}

# A function to the numbers of a step: those that are kept from it, and as tensors those that the equation reads.
scalar_finder <- function(setting) {
  found <- new.env(parent = emptyenv())
  function(equation, t, before) {
    key <- paste(c(equation$id, t, sprintf("%a", unlist(before))), collapse = " ")
    if (is.null(found[[key]])) {
      hyper <- setting$values[equation$hyper]
      before <- before %||% equation$begin_kept(setting$values)
      made <- equation$scalars(c(hyper, before), t)
      kept <- stats::setNames(made[paste0(equation$kept, "_new", recycle0 = TRUE)], equation$kept)
      found[[key]] <- list(t = t, kept = kept, tensors = equation$numbers(c(hyper, before, made)))
    }
    found[[key]]
  }
}

# A parameter's gradient, or NULL where it has none.
dense_gradient <- function(param, binding) {
  grad <- param$grad
  if (is.null(grad) || torch::is_undefined_tensor(grad)) {
    NULL
  } else if (!grad$is_sparse()) {
    grad
  } else if (binding$gradients == "sparse") {
    grad$to_dense()
  } else {
    abort(sprintf("%s: a gradient is sparse (expected a dense one)", binding$name), "crossoptim_value_error")
  }
}

# The tensor at which a parameter's gradient is to be evaluated, or NULL for the parameter itself.
wanted_point <- function(binding, plan, param, state) {
  point <- intersect(plan$points, plan$find_equation(param)$variables)
  if (length(point) > 0) state[[binding$state[[point]]]]
}
