#' Drive a Python optimizer from R
#'
#' Starts crossoptim's Python side as a child process and steps one of its optimizers with gradients that
#' come from R. Parameters are R arrays, or R torch tensors, which are then updated in place from their `$grad`:
#' R torch's autograd with a Python optimizer.
#'
#' @section Methods:
#' * `$step(gradients)`: one update. `gradients` is a named list of arrays or tensors; a parameter that is not
#'   in it, or is `NULL`, has no gradient. Torch parameters may leave it out: their `$grad` is used. Returns the new
#'   parameters.
#' * `$params`: the parameters, in the form in which they were given.
#' * `$state_dict()`: a list of `count` (the step count of each parameter, which leaves out the updates that were made
#'   without state, as plain descent's), `params` and `state` (parameter, then variable under the specification's name).
#' * `$load_state_dict(state)`: go on from there.
#' * `$zero_grad()`: zero the gradients of torch parameters.
#' * `$close()`: end the child. Also done when the object is garbage-collected.
#'
#' @param name An optimizer of the specification, e.g. `"sgd"`, `"adam"`, `"adamw"`.
#' @param params A named list of numeric arrays, or of R torch tensors.
#' @param ... The optimizer's hyperparameters under the specification's names (`crossoptim show adam` lists
#'   them), e.g. `lr = 0.1, beta1 = 0.9`.
#' @param dtype `"float32"` or `"float64"`, in which Python computes. The default is that of the tensors, and
#'   `"float64"` for arrays.
#' @param implementation Which Python implementation, e.g. `"crossoptim"`.
#' @param python The Python that has crossoptim. The default is the first that there is of
#'   `getOption("crossoptim.python")`; the environment variable `CROSSOPTIM_PYTHON`; the Python of the active virtual
#'   environment (`VIRTUAL_ENV`); that of the virtual environment in whose `lib/R/library` this package is installed, as
#'   `make setup` does; `python3` or `python` on the `PATH`.
#' @param timeout Seconds to wait for an answer before the child is ended.
#' @return An object with the methods above. Errors are conditions of class `crossoptim_error`, with the
#'   subclasses `crossoptim_python_error` (no Python, or none with crossoptim), `crossoptim_child_error` (the child
#'   ended, hangs or talks nonsense), `crossoptim_remote_error` (Python refused), `crossoptim_unsupported` and
#'   `crossoptim_value_error`.
#' @examples
#' \dontrun{
#' opt <- python_optimizer("adam", list(x = c(2, -1)), lr = 0.1)
#' for (i in 1:30) opt$step(list(x = 8 * opt$params$x))
#' opt$params$x
#' opt$close()
#' }
#' @export
python_optimizer <- function(name, params, ..., dtype = NULL, implementation = "crossoptim", python = NULL,
                             timeout = getOption("crossoptim.timeout", 60)) {
  if (!is.list(params) || length(params) == 0 || is.null(names(params)) || any(!nzchar(names(params)))) {
    abort("params is not a named list of arrays or tensors", "crossoptim_value_error")
  }
  command <- find_python(python)
  child <- start_child(command, c("-m", "crossoptim", "serve"), timeout)
  PythonOptimizer$new(child, name, params, list(...), dtype %||% default_dtype(params), implementation)
}

default_dtype <- function(params) {
  first <- params[[1]]
  if (is_torch(first) && first$dtype == torch::torch_float32()) "float32" else "float64"
}

# An object for the wire: {} where a plain empty list would be [].
wire_object <- function(values) {
  if (length(values) == 0) stats::setNames(list(), character()) else values
}

PythonOptimizer <- R6Class( # nolint: object_name_linter, cyclocomp_linter.
  "python_optimizer",
  cloneable = FALSE,
  public = list(
    initialize = function(child, name, params, arguments, dtype, implementation) {
      private$child <- child
      private$values <- params
      request <- list(
        command = "open", implementation = implementation, optimizer = name,
        arguments = wire_object(lapply(arguments, function(x) if (is.numeric(x)) as.double(x) else x)),
        dtype = dtype,
        params = unname(Map(
          function(key, x) list(name = key, shape = lapply(shape_of(x), as.integer), data = I(row_of(x))),
          names(params), params
        ))
      )
      private$label <- sprintf("%s of %s, %s", name, implementation, dtype)
      tryCatch(
        private$session <- child$ask(request)$session,
        error = function(e) {
          child$stop()
          stop(e)
        }
      )
    },
    step = function(gradients = NULL) {
      if (is.null(gradients)) {
        gradients <- lapply(private$values, function(x) if (is_torch(x)) x$grad)
      }
      private$store(private$ask("step", gradients = wire_object(private$gradient_rows(gradients)))$params)
      invisible(self$params)
    },
    state_dict = function() {
      answer <- private$ask("state")
      list(
        count = vapply(answer$count, as.integer, 0L),
        params = private$arrays(answer$params),
        kept = lapply(answer$kept, lapply, read_number),
        state = stats::setNames(
          lapply(names(answer$state), function(key) {
            lapply(answer$state[[key]], function(row) private$array(key, row))
          }),
          names(answer$state)
        )
      )
    },
    load_state_dict = function(state) {
      rows <- lapply(state$params, function(x) I(row_of(x)))
      private$ask(
        "load",
        count = wire_object(lapply(as.list(state$count), as.integer)),
        params = wire_object(rows),
        kept = wire_object(lapply(state$kept, wire_object)),
        state = wire_object(lapply(state$state, function(variables) {
          wire_object(lapply(variables, function(x) if (!is.null(x)) I(row_of(x))))
        }))
      )
      private$store(rows)
      invisible(self)
    },
    zero_grad = function() {
      for (x in private$values) {
        if (is_torch(x) && is_tensor(x$grad)) {
          torch::with_no_grad(x$grad$zero_())
        }
      }
      invisible(self)
    },
    close = function() {
      if (!is.null(private$child)) {
        private$child$stop()
        private$child <- NULL
      }
      invisible(self)
    },
    print = function(...) {
      cat(sprintf("<python_optimizer: %s%s>\n", private$label, if (is.null(private$child)) ", closed" else ""))
      invisible(self)
    }
  ),
  active = list(
    params = function(value) {
      if (!missing(value)) {
        abort("params is read-only; load_state_dict() sets parameters", "crossoptim_value_error")
      }
      private$values
    }
  ),
  private = list(
    child = NULL,
    session = NULL,
    values = NULL,
    label = NULL,
    ask = function(command, ...) {
      if (is.null(private$child)) {
        abort("the optimizer is closed", "crossoptim_value_error")
      }
      private$child$ask(list(command = command, session = private$session, ...))
    },
    gradient_rows = function(gradients) {
      unknown <- setdiff(names(gradients), names(private$values))
      if (length(unknown) > 0 || is.null(names(gradients))) {
        what <- if (length(unknown) > 0) paste("no parameter", toString(unknown)) else "no names"
        abort(
          sprintf("gradients: %s (expected %s)", what, toString(names(private$values))),
          "crossoptim_value_error"
        )
      }
      Map(
        function(key, gradient) {
          if (is.null(gradient) || (is_torch(gradient) && !is_tensor(gradient))) {
            return(NULL)
          }
          wanted <- shape_of(private$values[[key]])
          if (!identical(as.double(shape_of(gradient)), as.double(wanted))) {
            abort(
              sprintf(
                "gradients: %s has shape (%s) (expected (%s))", key, toString(shape_of(gradient)), toString(wanted)
              ),
              "crossoptim_value_error"
            )
          }
          I(row_of(gradient))
        },
        names(gradients), gradients
      )
    },
    array = function(key, row) {
      if (!is.null(row)) array_like(read_row(row), private$values[[key]])
    },
    arrays = function(rows) {
      stats::setNames(lapply(names(rows), function(key) private$array(key, rows[[key]])), names(rows))
    },
    store = function(rows) {
      for (key in names(rows)) {
        private$values[[key]] <- put_row(read_row(rows[[key]]), private$values[[key]])
      }
    },
    finalize = function() {
      self$close()
    }
  )
)
