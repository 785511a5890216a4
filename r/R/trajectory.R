# What an optimizer did at every step.

# A state variable that never was there is left out.
new_trajectory <- function(case, by, dtype, steps, shapes, params, state, gradients, gradients_after, loss,
                           evaluations = list()) {
  state <- lapply(state, function(columns) {
    there <- vapply(columns, function(rows) !all(vapply(rows, is.null, NA)), NA)
    if (any(there)) columns[there] else list()
  })
  structure(
    list(
      case = case, by = by, dtype = dtype, steps = steps, shapes = shapes, params = params, state = state,
      gradients = gradients, gradients_after = gradients_after, loss = loss, evaluations = evaluations
    ),
    class = "optimizer_trajectory"
  )
}

#' Trajectories of optimizers
#'
#' A trajectory holds what an optimizer did at every step of a case. [run_case()] makes one with an optimizer of R
#' torch, [reference_trajectory()] in base R, and `golden_trajectory()` gives the one that the specification computes.
#' It can be printed, plotted (see [plot.optimizer_trajectory()]), and turned into a data frame.
#'
#' @param case A case or its id, see [golden_cases()].
#' @return An object of class `optimizer_trajectory`, a list: `case` (an id), `by` (what made it), `dtype`, `steps`,
#'   `shapes` (of the parameters), and
#'   * `params`, `gradients` (as the step used them), `gradients_after` (as it left them): parameter to a list with one
#'     entry a step, a vector of doubles in row-major order, or `NULL` where there is none;
#'   * `state`: parameter to state variable, under the specification's name, to the same;
#'   * `loss`: a list with one number a step, or `NULL` where none was computed;
#'   * `evaluations`: of an optimizer that chooses where to evaluate, for each step the points with their gradients and
#'     losses.
#'
#'   `as.data.frame()` gives one row for each number: `step`, `tensor` (`"params/x"`, `"state/x/m"`, `"gradients/x"`,
#'   `"loss"`), `element` (from 1, row-major) and `value`.
#' @examples
#' golden <- golden_trajectory("adam/amsgrad-ravine-f64")
#' golden
#' golden$params$x[[30]]
#' tail(as.data.frame(golden))
#' @export
golden_trajectory <- function(case) {
  read_case(case)$golden
}

# All columns of a trajectory by their names: "params/x", "state/x/m", "gradients/x", "loss".
trajectory_columns <- function(trajectory, parts = c("params", "state", "gradients", "loss")) {
  named <- function(columns, prefix) stats::setNames(columns, paste0(prefix, names(columns), recycle0 = TRUE))
  state <- Map(
    function(columns, name) named(columns, paste0("state/", name, "/")),
    trajectory$state, names(trajectory$state)
  )
  c(
    if ("params" %in% parts) named(trajectory$params, "params/"),
    if ("state" %in% parts) do.call(c, unname(state)),
    if ("gradients" %in% parts) named(trajectory$gradients, "gradients/"),
    if ("loss" %in% parts) list(loss = trajectory$loss)
  )
}

#' @param x A trajectory.
#' @param row.names,optional,... Not used.
#' @rdname golden_trajectory
#' @export
as.data.frame.optimizer_trajectory <- function(x, row.names = NULL, # nolint: object_name_linter.
                                               optional = FALSE, ...) {
  columns <- trajectory_columns(x)
  long <- Map(
    function(rows, tensor) {
      sizes <- lengths(rows)
      data.frame(
        step = rep(seq_along(rows), sizes), tensor = rep(tensor, sum(sizes)), element = sequence(sizes),
        value = as.double(unlist(rows))
      )
    },
    columns, names(columns)
  )
  do.call(rbind, unname(long))
}

#' @export
format.optimizer_trajectory <- function(x, ...) {
  last <- function(rows) if (length(rows) > 0) rows[[length(rows)]]
  golden <- if (!identical(x$by, "golden") && x$case %in% case_ids()) read_case(x$case)$golden
  shown <- vapply(x$params, function(rows) {
    row <- last(rows)
    more <- if (length(row) > 6) sprintf(", ... (%d numbers)", length(row))
    paste0(toString(format(utils::head(row, 6), digits = 7)), more)
  }, "")
  width <- max(nchar(names(shown)), 4)
  lines <- c(
    sprintf("<trajectory of %s, %s>", x$case, x$by),
    sprintf("  %d step%s in %s; the last parameters:", x$steps, if (x$steps == 1) "" else "s", x$dtype),
    sprintf("  %-*s  %s", width, names(shown), shown)
  )
  if (!is.null(last(x$loss))) {
    lines <- c(lines, sprintf("  %-*s  %s", width, "loss", format(last(x$loss), digits = 7)))
  }
  if (!is.null(golden)) {
    lines <- c(lines, sprintf("  %s", distance_text(x, golden)))
  }
  lines
}

#' @export
print.optimizer_trajectory <- function(x, ...) {
  cat(format(x, ...), sep = "\n")
  invisible(x)
}

distance_text <- function(x, golden) {
  apart <- trajectory_ulps(x, golden)
  apart <- apart[startsWith(names(apart), "params/")]
  worst <- max(unlist(apart), 0, na.rm = TRUE)
  if (worst == 0) {
    return("the golden parameters, bit for bit")
  }
  first <- min(vapply(apart, function(steps) c(which(steps > 0), Inf)[1], 0))
  sprintf(
    "at most %s ulps from the golden parameters; step %d is the first that differs", format(worst, digits = 3), first
  )
}

# The largest distance of each parameter and state variable from the golden one at each step, NA where one of them has
# none.
trajectory_ulps <- function(x, golden) {
  got <- trajectory_columns(x, c("params", "state"))
  wanted <- trajectory_columns(golden, c("params", "state"))
  shared <- intersect(names(wanted), names(got))
  apart <- function(a, b) {
    if (is.null(a) || is.null(b)) NA_real_ else max(ulps(a, b, x$dtype), 0)
  }
  Map(function(a, b) mapply(apart, a, b), got[shared], wanted[shared])
}

#' Distance in units of the last place
#'
#' @param x,y Vectors of numbers that `dtype` can hold.
#' @param dtype `"float64"` or `"float32"`.
#' @return `abs(x - y)`, elementwise, in units of the last place of `y`: the distance from `abs(y)` to the next larger
#'   number of `dtype`. Zero for equal numbers and for two NaN; infinite where only one is finite.
#' @examples
#' ulps(1 + 2^-52, 1)
#' ulps(1 + 2^-23, 1, "float32")
#' @export
ulps <- function(x, y, dtype = "float64") {
  x <- as.double(x)
  y <- as.double(y)
  gap <- abs(x - y) / unit_of_last_place(abs(y), dtype)
  gap[!is.finite(gap)] <- Inf
  gap[(x == y) %in% TRUE | (is.nan(x) & is.nan(y))] <- 0
  gap
}

# The distance from positive numbers to the next larger ones of a dtype.
unit_of_last_place <- function(y, dtype) {
  digits <- switch(dtype,
    float32 = 23,
    float64 = 52,
    abort(sprintf("dtype '%s' is not float32 or float64", dtype), "crossoptim_value_error")
  )
  smallest <- switch(dtype,
    float32 = -126,
    float64 = -1022
  )
  exponent <- floor(log2(y))
  # The logarithm of a number just below a power of two is rounded up to it.
  exponent <- exponent - (is.finite(y) & 2^exponent > y)
  2^(pmax(exponent, smallest) - digits)
}
