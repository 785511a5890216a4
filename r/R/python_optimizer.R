#' Drive a Python optimizer from R
#'
#' Steps an optimizer that runs in Python with gradients that come from R: every optimizer of crossoptim's catalogue,
#' as crossoptim computes it, or as PyTorch does. Parameters are R arrays, or R torch tensors, which are then updated
#' in place from their `$grad`: R torch's autograd with a Python optimizer.
#'
#' @section Methods:
#' * `$step(gradients)`: one update. `gradients` is a named list of arrays or tensors; a parameter that is not
#'   in it, or is `NULL`, has no gradient. Torch parameters may leave it out: their `$grad` is used. Returns the new
#'   parameters, invisibly.
#' * `$step(closure)`: one update that asks for loss and gradients where it wants them, as L-BFGS must. For torch
#'   parameters the closure is R torch's: a function without arguments that calls `$zero_grad()`, computes the loss,
#'   calls `$backward()` and returns the loss. For arrays it is a function of the list of parameters that returns
#'   `list(loss = , gradients = )`. Returns the first loss. Where the closure fails, no step is made.
#' * `$at_gradient_point(code)`: evaluates `code` while the parameters are where the gradient is wanted. For most
#'   optimizers they are there anyway. Those of Schedule-Free, and SGD with `nesterov_form = "lookahead"`, want it
#'   elsewhere: there, compute gradients inside it, or give `$step()` a closure.
#' * `$zero_grad()`: zero the gradients of torch parameters.
#' * `$set(group, ...)`: change options of a parameter group, e.g. `$set(1, lr = 0.05)`.
#' * `$add_param_group(group)`: one more group, `list(params = list(z = ), lr = )`.
#' * `$state_dict()`: a list of `count` (the step count of each parameter, which leaves out the updates that were made
#'   without state, as plain descent's), `params`, `state` (parameter, then variable under the specification's name),
#'   `kept` (numbers that some rules carry along), `groups`, and for L-BFGS its `memory`.
#' * `$load_state_dict(state)`: go on from there; `kept`, `groups` and `memory` may be left out where there is none, or
#'   where the options shall stay.
#' * `$params`: the parameters, in the form in which they were given.
#' * `$param_groups`: for each group `params`, their names, and all options.
#' * `$close()`: give the optimizer back, and end the Python that was started for it. Also done when the object is
#'   garbage-collected.
#'
#' @param name An optimizer of the specification, e.g. `"sgd"`, `"adam"`, `"adamw"`, `"lbfgs"`; `crossoptim list
#'   optimizers` on the command line lists them.
#' @param params A named list of numeric arrays, or of R torch tensors such as `model$parameters`; or, for groups with
#'   options of their own, a list of lists: `list(list(params = list(x = ), lr = 0.1), list(params = list(y = )))`.
#' @param ... The optimizer's hyperparameters under the specification's names (`crossoptim show adam` lists
#'   them), e.g. `lr = 0.1, beta1 = 0.9`; the default of every group.
#' @param dtype `"float32"` or `"float64"`, in which Python computes. The default is that of the tensors, and
#'   `"float64"` for arrays. In float32, arrays are rounded to it first.
#' @param implementation Which Python implementation: `"crossoptim"`, PyTorch's own `"torch-single"`, `"torch-foreach"`
#'   or `"torch-fused"`, or `"reference"`, the golden one on NumPy.
#' @param python The Python that has crossoptim, or a [python_session()] to share. The default is the first that there
#'   is of `getOption("crossoptim.python")`; the environment variable `CROSSOPTIM_PYTHON`; the Python of the active
#'   virtual environment (`VIRTUAL_ENV`); that of the virtual environment in whose `lib/R/library` this package is
#'   installed, as `make setup` does; `python3` or `python` on the `PATH`.
#' @param timeout Seconds to wait for an answer before the Python process is ended; a [python_session()] has its own.
#' @return An object with the methods above. Errors are conditions of class `crossoptim_error`, with the
#'   subclasses `crossoptim_python_error` (no Python, or none with crossoptim), `crossoptim_protocol_error` (it speaks
#'   another version of the protocol), `crossoptim_child_error` (the process ended, hangs or talks nonsense;
#'   `crossoptim_timeout_error` where it hangs), `crossoptim_remote_error` (Python refused), `crossoptim_unsupported`
#'   (the implementation lacks what was asked) and `crossoptim_value_error`. After a `crossoptim_child_error` the
#'   process is gone, and the object can only be closed; parameters stay as they were before the step.
#' @examplesIf crossoptim::python_available()
#' opt <- python_optimizer("adam", list(x = c(2, -1)), lr = 0.1)
#' for (i in 1:30) opt$step(list(x = 8 * opt$params$x))
#' opt$params$x
#' opt$close()
#'
#' # An optimizer that chooses where to evaluate
#' opt <- python_optimizer("lbfgs", list(x = c(2, -1)), line_search = "strong_wolfe")
#' opt$step(function(params) list(loss = sum(params$x^4), gradients = list(x = 4 * params$x^3)))
#' opt$close()
#' @export
python_optimizer <- function(name, params, ..., dtype = NULL, implementation = "crossoptim", python = NULL,
                             timeout = getOption("crossoptim.timeout", 60)) {
  groups <- read_groups(params)
  shared <- inherits(python, "python_session")
  dtype <- dtype %||% default_dtype(groups$values)
  check_values(groups$values, dtype)
  request <- list(
    command = "open", protocol = protocol_version, implementation = implementation, optimizer = name,
    arguments = wire_arguments(list(...)), dtype = dtype, params = wire_params(groups$values, dtype)
  )
  request$groups <- groups$groups
  session <- if (shared) python else python_session(python, timeout)
  opened <- FALSE
  on.exit(if (!opened && !shared) session$close())
  optimizer <- PythonOptimizer$new(session, shared, request, groups$values)
  opened <- TRUE
  optimizer
}

PythonOptimizer <- R6Class( # nolint: object_name_linter, cyclocomp_linter.
  "python_optimizer",
  cloneable = FALSE,
  public = list(
    initialize = function(session, shared, request, values) {
      private$opens <- request[c("optimizer", "implementation")]
      private$label <- sprintf("%s of %s, %s", request$optimizer, request$implementation, request$dtype)
      private$dtype <- request$dtype
      private$shared <- shared
      private$values <- values
      answer <- session$ask(request)
      if (!identical(as.numeric(answer$protocol), as.numeric(protocol_version))) {
        spoken <- if (is.null(answer$protocol)) "none that it names" else format(answer$protocol)
        session$fail(
          sprintf(
            "speaks another protocol: %s, and this package %d (expected the same on both sides: update the older one)",
            spoken, protocol_version
          ),
          "crossoptim_protocol_error"
        )
      }
      private$session <- session
      private$number <- answer$session
      private$opened(answer)
    },
    step = function(gradients = NULL) {
      if (is.function(gradients)) {
        return(private$converse(gradients))
      }
      rows <- private$gradient_rows(gradients %||% own_gradients(private$values))
      private$finish(private$ask("step", gradients = rows))
      invisible(self$params)
    },
    at_gradient_point = function(code) {
      before <- private$rows()
      made <- private$made
      # The question of a step that is never made.
      private$received(private$ask("step")$evaluate)
      on.exit(if (private$made == made) private$store(before))
      force(code)
    },
    set = function(group, ...) {
      if (!is.numeric(group) || length(group) != 1 || !group %in% seq_along(private$groups)) {
        abort(
          sprintf("group is not one of the %d groups, counted from 1", length(private$groups)), "crossoptim_value_error"
        )
      }
      private$groups <- private$ask("set", group = as.integer(group) - 1L, arguments = wire_arguments(list(...)))$groups
      invisible(self)
    },
    add_param_group = function(group) {
      values <- read_groups(list(group))$values
      check_values(values, private$dtype)
      group <- wire_group(group)
      answer <- private$ask("add_group", params = wire_params(values, private$dtype), arguments = group$arguments)
      private$values <- c(private$values, values)
      private$opened(answer)
      invisible(self)
    },
    state_dict = function() {
      answer <- private$ask("state")
      state <- list(
        count = vapply(answer$count, as.integer, 0L),
        params = private$arrays(answer$params),
        kept = lapply(answer$kept, lapply, read_number),
        state = stats::setNames(
          lapply(names(answer$state), function(key) {
            rows <- answer$state[[key]]
            stats::setNames(lapply(names(rows), function(var) private$array(key, rows[[var]], var)), names(rows))
          }),
          names(answer$state)
        ),
        groups = self$param_groups
      )
      if (!is.null(answer$memory)) {
        state$memory <- read_memory(answer$memory)
      }
      state
    },
    load_state_dict = function(state) {
      missing <- setdiff(c("count", "params", "state"), names(state))
      if (length(missing) > 0) {
        abort(sprintf("the state has no %s (expected what state_dict() returns)", missing[1]), "crossoptim_value_error")
      }
      rows <- lapply(state[["params"]], function(x) I(row_in(x, private$dtype)))
      request <- list(
        count = wire_object(lapply(as.list(state[["count"]]), as.integer)),
        params = wire_object(rows),
        kept = wire_object(lapply(state[["kept"]], wire_object)),
        state = wire_object(lapply(state[["state"]], function(variables) {
          wire_object(lapply(variables, function(x) if (!is.null(x)) I(row_in(x, private$dtype))))
        }))
      )
      if (!is.null(state[["groups"]])) {
        request$groups <- lapply(state[["groups"]], function(group) {
          list(params = as.list(group$params), arguments = wire_arguments(group[names(group) != "params"]))
        })
      }
      if (!is.null(state[["memory"]])) {
        request$memory <- wire_memory(state[["memory"]])
      }
      answer <- do.call(private$ask, c(list("load"), request))
      private$groups <- answer$groups %||% private$groups
      private$made <- private$made + 1
      private$store(rows)
      invisible(self)
    },
    zero_grad = function() {
      zero_gradients(private$values)
      invisible(self)
    },
    close = function() {
      session <- private$session
      private$session <- NULL
      if (!is.null(session)) {
        if (private$shared) session$leave(private$number) else session$close()
      }
      invisible(self)
    },
    print = function(...) {
      cat(sprintf("<python_optimizer: %s%s>\n", private$label, if (is.null(private$session)) ", closed" else ""))
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
      lapply(private$groups, function(group) {
        c(list(params = as.character(unlist(group$params))), lapply(group$arguments, read_option))
      })
    },
    pid = function() if (!is.null(private$session)) private$session$pid
  ),
  private = list(
    session = NULL,
    shared = FALSE,
    number = NULL,
    values = NULL,
    groups = NULL,
    shapes = NULL,
    dtype = NULL,
    label = NULL,
    # Which optimizer of which implementation; for state_view().
    opens = NULL,
    # How many steps were made and states loaded.
    made = 0,
    ask = function(command, ...) {
      if (is.null(private$session)) {
        abort("the optimizer is closed", "crossoptim_value_error")
      }
      private$session$ask(list(command = command, session = private$number, ...))
    },
    opened = function(answer) {
      private$groups <- answer$groups
      private$shapes <- answer$shapes
    },
    converse = function(closure) {
      before <- private$rows()
      finished <- FALSE
      on.exit(if (!finished) private$store(before))
      returned <- NULL
      answer <- private$ask("step")
      while (!is.null(answer$evaluate)) {
        private$received(answer$evaluate)
        found <- evaluate_closure(closure, private$values)
        returned <- returned %||% found$returned
        answer <- private$ask("evaluated", loss = found$loss, gradients = private$gradient_rows(found$gradients))
      }
      finished <- TRUE
      private$finish(answer)
      returned
    },
    gradient_rows = function(gradients) {
      rows <- read_gradients(gradients, private$values, private$dtype)
      wire_object(lapply(rows, function(row) if (!is.null(row)) I(row)))
    },
    rows = function() lapply(private$values, function(x) I(row_of(x))),
    array = function(key, row, var = "") {
      shape <- private$shapes[[key]][[var]]
      if (is.null(row)) {
        NULL
      } else if (is.null(shape)) {
        array_like(read_row(row), private$values[[key]])
      } else {
        aperm(array(read_row(row), rev(as.integer(unlist(shape)))))
      }
    },
    arrays = function(rows) {
      stats::setNames(lapply(names(rows), function(key) private$array(key, rows[[key]])), names(rows))
    },
    finish = function(answer) {
      private$received(answer$params)
      private$made <- private$made + 1
    },
    # The parameters of an answer.
    received = function(rows) {
      sizes <- vapply(private$values, function(x) prod(shape_of(x)), 0)
      if (!setequal(names(rows), names(sizes)) || !all(lengths(rows)[names(sizes)] == sizes)) {
        private$session$fail("answered other parameters than it was given; it was ended")
      }
      private$store(rows)
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
