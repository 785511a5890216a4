#' An optimizer in base R
#'
#' Steps an optimizer of the specification in base R, with neither torch nor Python: the equation that the specification
#' has for the options, on numeric arrays, in the written order, each operation rounded to `dtype`. It is meant for
#' reading, checking and small problems. The object is used as that of [python_optimizer()] is.
#'
#' The numbers that change with the step count, such as `1 - beta2^t`, are those that the golden trajectories store, but
#' for the rarest of ties (see [reference_scalars()]).
#'
#' @inheritSection python_optimizer Methods
#' @inheritParams python_optimizer
#' @param ... The optimizer's options under the specification's names, e.g. `lr = 0.1, beta1 = 0.9`.
#' @param dtype `"float64"` or `"float32"`.
#' @return An object with the methods above. An option that the specification does not admit, and gradients or a state
#'   that do not fit, are conditions of class `crossoptim_value_error`; an optimizer that chooses where to evaluate
#'   (L-BFGS), and stacks of matrices for an optimizer of matrices, of class `crossoptim_unsupported`.
#' @examples
#' opt <- reference_optimizer("adam", list(x = c(2, -1)), lr = 0.1)
#' for (i in 1:30) opt$step(list(x = 8 * opt$params$x))
#' opt$params$x
#'
#' # An optimizer that wants its gradient elsewhere than at the parameters
#' opt <- reference_optimizer("schedule_free_sgd", list(x = c(2, -1)), lr = 0.1)
#' for (i in 1:30) {
#'   opt$step(function(params) list(loss = sum(4 * params$x^2), gradients = list(x = 8 * params$x)))
#' }
#' opt$params$x
#' @export
reference_optimizer <- function(name, params, ..., dtype = NULL) {
  groups <- read_groups(params)
  dtype <- dtype %||% default_dtype(groups$values)
  check_values(groups$values, dtype)
  setting <- rule_setting(name, list(...))
  if (identical(specification()$rules[[setting$rule]]$kind, "closure")) {
    unsupported(sprintf("%s chooses where to evaluate; base R has no equation of it", name))
  }
  own <- groups$groups %||% list(list(params = names(groups$values), arguments = list()))
  ReferenceOptimizer$new(setting, dtype, groups$values, own)
}

ReferenceOptimizer <- R6Class( # nolint: object_name_linter, cyclocomp_linter.
  "reference_optimizer",
  cloneable = FALSE,
  public = list(
    initialize = function(setting, dtype, values, groups) {
      private$base <- setting
      private$dtype <- dtype
      private$round <- rounding(dtype)
      for (group in groups) {
        private$join(values[unlist(group$params)], group$arguments)
      }
    },
    step = function(gradients = NULL) {
      if (is.function(gradients)) {
        found <- self$at_gradient_point(evaluate_closure(gradients, private$values))
        self$step(found$gradients)
        return(found$returned)
      }
      rows <- read_gradients(gradients %||% own_gradients(private$values), private$values, private$dtype)
      done <- Map(private$updated, names(rows), rows)
      private$held[names(done)] <- done
      private$show()
      invisible(self$params)
    },
    at_gradient_point = function(code) {
      made <- private$made
      private$store(lapply(stats::setNames(nm = names(private$held)), private$point))
      on.exit(if (private$made == made) private$store(lapply(private$held, function(one) one$p)))
      force(code)
    },
    zero_grad = function() {
      zero_gradients(private$values)
      invisible(self)
    },
    set = function(group, ...) {
      if (!is.numeric(group) || length(group) != 1 || !group %in% seq_along(private$groups)) {
        abort(
          sprintf("group is not one of the %d groups, counted from 1", length(private$groups)), "crossoptim_value_error"
        )
      }
      private$groups[[group]]$setting <- change_setting(private$groups[[group]]$setting, list(...))
      invisible(self)
    },
    add_param_group = function(group) {
      read <- read_groups(list(group))
      check_values(read$values, private$dtype)
      private$join(read$values, read$groups[[1]]$arguments)
      invisible(self)
    },
    state_dict = function() {
      there <- Filter(function(one) length(one$kept) > 0, private$held)
      list(
        count = vapply(private$held, function(one) one$count, 0L),
        params = Map(function(key, one) private$array(key, one$p), names(private$held), private$held),
        kept = lapply(there, function(one) one$kept),
        state = Map(
          function(key, one) {
            Map(function(row, variable) private$array(key, row, variable), one$state, names(one$state))
          },
          names(private$held), private$held
        ),
        groups = self$param_groups
      )
    },
    load_state_dict = function(state) {
      loaded <- lapply(stats::setNames(nm = names(private$held)), private$read, state = state)
      groups <- if (!is.null(state[["groups"]])) private$read_options(state[["groups"]])
      private$held <- loaded
      private$groups <- groups %||% private$groups
      private$show()
      invisible(self)
    },
    close = function() invisible(self),
    print = function(...) {
      cat(sprintf("<reference_optimizer: %s in base R, %s>\n", private$base$name, private$dtype))
      invisible(self)
    }
  ),
  active = list(
    params = function(value) {
      if (!missing(value)) {
        abort("params is read-only; load_state_dict() sets parameters", "crossoptim_value_error")
      }
      private$values
    },
    param_groups = function(value) {
      if (!missing(value)) {
        abort("param_groups is read-only; set() changes options", "crossoptim_value_error")
      }
      lapply(private$groups, function(group) c(list(params = group$params), group$setting$values))
    }
  ),
  private = list(
    base = NULL,
    dtype = NULL,
    round = NULL,
    # The parameters in the caller's form.
    values = list(),
    # Each group's `params` (names) and `setting`.
    groups = list(),
    # For each parameter its row `p`, its `state` as rows, its `kept` numbers, and the `count` of its updates.
    held = list(),
    compiled = list(),
    # How many steps were made and states loaded.
    made = 0,

    join = function(values, arguments) {
      taken <- intersect(names(values), names(private$values))
      if (length(taken) > 0) {
        abort(sprintf("params: %s is in a group already", taken[1]), "crossoptim_value_error")
      }
      setting <- change_setting(private$base, arguments)
      for (key in names(values)) {
        shape <- shape_of(values[[key]])
        equation <- equation_for(setting$rule, setting$values, shape)
        if (needs_matrices(equation) && length(shape) != 2) {
          unsupported(sprintf("%s: %s is a stack of matrices; base R takes a matrix", setting$name, key))
        }
      }
      rows <- lapply(values, function(x) private$round(row_of(x)))
      private$values <- c(private$values, values)
      private$groups <- c(private$groups, list(list(params = names(values), setting = setting)))
      private$held <- c(private$held, lapply(rows, function(p) list(p = p, state = list(), kept = list(), count = 0L)))
      private$store(rows)
    },
    group_of = function(key) {
      private$groups[[which(vapply(private$groups, function(group) key %in% group$params, NA))]]
    },
    # The equation for a parameter as it is now, compiled once.
    equation = function(key, setting) {
      found <- equation_for(setting$rule, setting$values, shape_of(private$values[[key]]))
      if (is.null(private$compiled[[found$id]])) {
        private$compiled[[found$id]] <- list(
          equation = found, step = compile_equation(found, private$dtype), matrices = needs_matrices(found)
        )
      }
      private$compiled[[found$id]]
    },
    # What a parameter and its state become with a gradient.
    updated = function(key, g) {
      one <- private$held[[key]]
      if (is.null(g)) {
        return(one)
      }
      group <- private$group_of(key)
      entry <- private$equation(key, group$setting)
      equation <- entry$equation
      entry$values <- group$setting$values
      entry$params <- group$params
      hyper <- entry$values[unlist(equation$hyper)]
      one$count <- one$count + (length(equation$state) > 0)
      if (length(one$kept) == 0) {
        one$kept <- initial_kept(equation, entry$values)
      }
      scalars <- c(one$kept, reference_scalars(equation, c(hyper, one$kept), one$count))
      kept <- names(one$kept)
      one$kept[kept] <- scalars[paste0(kept, "_new", recycle0 = TRUE)]
      shape <- shape_of(private$values[[key]])
      out <- update_param(entry, key, one$p, g, one$state, scalars, private$dtype, shape)
      one$p <- out$p
      variables <- unlist(equation$state)
      one$state[variables] <- out[variables]
      one
    },
    # The row at which a parameter's gradient is wanted.
    point = function(key) {
      one <- private$held[[key]]
      variable <- gradient_point(private$equation(key, private$group_of(key)$setting)$equation)
      if (length(variable) > 0) one$state[[variable]] %||% one$p else one$p
    },
    store = function(rows) {
      for (key in names(rows)) {
        private$values[[key]] <- put_row(rows[[key]], private$values[[key]])
      }
    },
    show = function() {
      private$made <- private$made + 1
      private$store(lapply(private$held, function(one) one$p))
    },
    # A row as an array of the parameter's shape, or of its state variable's.
    array = function(key, row, variable = "") {
      like <- private$values[[key]]
      kind <- private$kind(variable)
      if (kind == "parameter") array_like(row, like) else row_as_matrix(row, shape_of(like), kind)
    },
    # What shape a state variable has beside a parameter.
    kind = function(variable) {
      for (one in specification()$rules[[private$base$rule]]$state) {
        if (one$name == variable) {
          return(one$shape)
        }
      }
      "parameter"
    },
    # One parameter of a saved state, checked.
    read = function(key, state) {
      row <- function(value, label, like) {
        # A tensor without axes comes back as a vector of one number.
        shape <- function(x) if (length(shape_of(x)) == 0) 1 else as.double(shape_of(x))
        wanted <- shape(like)
        if (is.null(value) || !identical(shape(value), wanted)) {
          got <- if (is.null(value)) "is missing" else sprintf("has shape (%s)", toString(shape_of(value)))
          abort(
            sprintf("the state's %s %s (expected shape (%s))", label, got, toString(wanted)), "crossoptim_value_error"
          )
        }
        private$round(row_of(value))
      }
      variables <- state[["state"]][[key]]
      known <- vapply(specification()$rules[[private$base$rule]]$state, function(variable) variable$name, "")
      if (length(setdiff(names(variables), known)) > 0) {
        abort(
          sprintf(
            "the state's state/%s/%s is no variable of %s (expected one of %s)",
            key, setdiff(names(variables), known)[1], private$base$name, toString(known)
          ),
          "crossoptim_value_error"
        )
      }
      list(
        p = row(state[["params"]][[key]], paste0("params/", key), private$values[[key]]),
        state = Map(
          function(value, variable) {
            zeros <- 0 * switch(private$kind(variable), parameter = private$held[[key]]$p, 0)
            row(value, sprintf("state/%s/%s", key, variable), private$array(key, zeros, variable))
          },
          Filter(Negate(is.null), variables), names(Filter(Negate(is.null), variables))
        ),
        kept = lapply(state[["kept"]][[key]] %||% list(), as.double),
        count = as.integer(as.list(state[["count"]])[[key]] %||% 0L)
      )
    },
    read_options = function(groups) {
      if (length(groups) != length(private$groups)) {
        abort(
          sprintf("the state has %d groups (expected %d)", length(groups), length(private$groups)),
          "crossoptim_value_error"
        )
      }
      Map(function(own, group) {
        if (!identical(as.character(group$params), own$params)) {
          abort(
            sprintf("the state's group of %s (expected %s)", toString(group$params), toString(own$params)),
            "crossoptim_value_error"
          )
        }
        own$setting <- change_setting(own$setting, group[names(group) != "params"])
        own
      }, private$groups, groups)
    }
  )
)

# The numbers that a parameter keeps from step to step, before the first.
initial_kept <- function(equation, values) {
  if (length(equation$kept) == 0) {
    return(list())
  }
  numbers <- Filter(is.numeric, values)
  calls <- parse_statements(Map(list, names(equation$kept), equation$kept), as.double)
  evaluate_statements(calls, numbers, reference_functions("float64"))
}

# The state variable of an equation at which the gradient is wanted, if it is not the parameter.
gradient_point <- function(equation) {
  variables <- specification()$rules[[equation$rule]]$state
  points <- Filter(function(variable) isTRUE(variable$gradient_point), variables)
  intersect(vapply(points, function(variable) variable$name, ""), unlist(equation$state))
}
