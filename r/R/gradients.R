# What the optimizers that are driven from R share: the caller's gradients and closures.

# Rows of gradients, checked against the parameters; NULL for a parameter that is named but has none.
read_gradients <- function(gradients, values, dtype) {
  unknown <- setdiff(names(gradients), names(values))
  if (length(unknown) > 0 || !is.list(gradients) || (length(gradients) > 0 && is.null(names(gradients)))) {
    what <- if (length(unknown) > 0) paste("no parameter", toString(unknown)) else "no names"
    abort(sprintf("gradients: %s (expected %s)", what, toString(names(values))), "crossoptim_value_error")
  }
  Map(
    function(key, gradient) {
      if (is.null(gradient) || (is_torch(gradient) && !is_tensor(gradient))) {
        return(NULL)
      }
      wanted <- shape_of(values[[key]])
      if (!identical(as.double(shape_of(gradient)), as.double(wanted))) {
        abort(
          sprintf("gradients: %s has shape (%s) (expected (%s))", key, toString(shape_of(gradient)), toString(wanted)),
          "crossoptim_value_error"
        )
      }
      row_in(gradient, dtype)
    },
    names(gradients), gradients
  )
}

# The gradients that torch parameters hold.
own_gradients <- function(values) {
  if (!all(vapply(values, is_torch, NA))) {
    abort("there are no gradients (expected a named list of arrays, or a closure)", "crossoptim_value_error")
  }
  lapply(values, function(x) x$grad)
}

zero_gradients <- function(values) {
  for (x in values) {
    if (is_torch(x) && is_tensor(x$grad)) {
      torch::with_no_grad(x$grad$zero_())
    }
  }
}

# What a closure finds where the parameters are: `returned` is the loss as the closure says it.
evaluate_closure <- function(closure, values) {
  found <- if (length(formals(closure)) == 0) closure() else closure(values)
  listed <- is.list(found) && all(c("loss", "gradients") %in% names(found))
  if (!listed && !all(vapply(values, is_torch, NA))) {
    abort("the closure returned no list(loss = , gradients = )", "crossoptim_value_error")
  }
  returned <- if (listed) found$loss else found
  loss <- if (is_torch(returned)) row_of(returned) else returned
  if (!is.numeric(loss) || length(loss) != 1) {
    abort("the closure's loss is not a single number", "crossoptim_value_error")
  }
  list(returned = returned, loss = as.double(loss), gradients = if (listed) found$gradients else own_gradients(values))
}
