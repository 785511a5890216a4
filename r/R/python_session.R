#' A Python process for several optimizers
#'
#' A fresh Python takes a second or more to load torch. Optimizers that are given the same session share one process:
#' `python_optimizer("adam", params, python = session)`.
#'
#' @param python,timeout As in [python_optimizer()].
#' @return An object with `$close()`, which ends the process, and `$pid`, its number. The process also ends when the
#'   object is garbage-collected. Where it dies, hangs or talks nonsense, it is ended, and every optimizer that it held
#'   says so when it is used. Errors are those of [python_optimizer()].
#' @examplesIf crossoptim::python_available()
#' session <- python_session()
#' adam <- python_optimizer("adam", list(x = 2), lr = 0.1, python = session)
#' lion <- python_optimizer("lion", list(x = 2), lr = 0.1, python = session)
#' adam$step(list(x = 1))
#' lion$step(list(x = 1))
#' session$close()
#' @export
python_session <- function(python = NULL, timeout = getOption("crossoptim.timeout", 60)) {
  if (!is.numeric(timeout) || length(timeout) != 1 || is.na(timeout) || timeout <= 0) {
    abort("timeout is not a number of seconds above zero", "crossoptim_value_error")
  }
  PythonSession$new(start_child(find_python(python), c("-m", "crossoptim", "serve"), timeout))
}

#' Is there a Python with crossoptim?
#'
#' @param python Which Python; as in [python_optimizer()].
#' @return `TRUE` or `FALSE`; whether [python_optimizer()] can find one. Nothing is loaded.
#' @examples
#' python_available()
#' @export
python_available <- function(python = NULL) {
  tryCatch(
    # By name: any folder that is called crossoptim can be imported.
    processx::run(
      find_python(python), c("-c", "from crossoptim import __version__"),
      error_on_status = FALSE, timeout = 60
    )$status == 0,
    error = function(e) FALSE
  )
}

PythonSession <- R6Class( # nolint: object_name_linter.
  "python_session",
  cloneable = FALSE,
  public = list(
    initialize = function(child) {
      private$child <- child
    },
    ask = function(request) {
      while (length(private$left) > 0) {
        number <- private$left[[1]]
        private$left <- private$left[-1]
        private$child$ask(list(command = "close", session = number))
      }
      private$child$ask(request)
    },
    # An answer that cannot be: the process is ended.
    fail = function(what, class = "crossoptim_child_error") {
      private$child$fail(paste(private$child$label, what), class)
    },
    # An optimizer's number is given back with the next request: a finalizer may run in the middle of one.
    leave = function(number) {
      private$left <- c(private$left, number)
    },
    close = function() {
      private$child$stop()
      invisible(self)
    },
    print = function(...) {
      state <- if (private$child$alive()) sprintf("process %d", private$child$pid()) else "closed"
      cat(sprintf("<python_session: %s, %s>\n", private$child$label, state))
      invisible(self)
    }
  ),
  active = list(
    pid = function() private$child$pid()
  ),
  private = list(
    child = NULL,
    left = integer(),
    finalize = function() {
      self$close()
    }
  )
)
