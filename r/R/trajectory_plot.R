# Pictures of trajectories, in base graphics.

#' Plot a trajectory
#'
#' @param x A trajectory, see [golden_trajectory()].
#' @param what What to show.
#'   * `"path"`: the path of the parameters over the contours of the objective, where there are two parameters and an
#'     objective;
#'   * `"loss"`: the loss at each step; that of a replay is not known, and the golden one stands for itself;
#'   * `"params"`: each parameter at each step;
#'   * `"ulps"`: for each parameter and state variable, how far its worst element lies from the golden one.
#'
#'   The default is the first of them that the case has, but not the last.
#' @param ... Given to [graphics::plot.default()], such as `main`, `xlim` or `ylim`.
#' @return The trajectory, invisibly.
#' @details The golden trajectory is drawn as a broad pale line, and what was run as a thin dark line upon it. The
#'   colours are those of Okabe and Ito, which colour-blind people can tell apart.
#' @examples
#' plot(golden_trajectory("adam/plain-rosenbrock-f32"))
#' run <- reference_trajectory("sgd/momentum-ravine-f64")
#' plot(run)
#' plot(run, "ulps")
#' @export
plot.optimizer_trajectory <- function(x, what = NULL, ...) {
  golden <- golden_trajectory(x$case)
  what <- what %||% default_picture(x, golden)
  draw <- switch(as.character(what)[1],
    path = plot_path, loss = plot_loss, params = plot_params, ulps = plot_ulps,
    abort(
      sprintf("what = '%s' is no picture (expected path, loss, params or ulps)", as.character(what)[1]),
      "crossoptim_value_error"
    )
  )
  before <- graphics::par(no.readonly = TRUE)[c("mar", "mgp")]
  on.exit(graphics::par(before))
  draw(x, golden, ...)
  invisible(x)
}

default_picture <- function(x, golden) {
  if (sum(elements(x)) == 2 && !is.null(plane_objective(x))) {
    "path"
  } else if (any(lengths(golden$loss) > 0)) {
    "loss"
  } else {
    "params"
  }
}

okabe_ito <- c("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
pale <- function(colours) grDevices::rgb(t(0.35 * grDevices::col2rgb(colours) + 0.65 * 255), maxColorValue = 255)

golden_colour <- "#E69F00"
run_colour <- "#0072B2"

is_golden <- function(x) identical(x$by, "golden")

# How many numbers each parameter holds.
elements <- function(x) vapply(x$shapes, prod, 0)

# plot.default() with our settings, of which the caller may change any, and a margin on the right for a legend.
canvas <- function(x, y, ..., key, given) {
  graphics::par(mar = c(4.6, 5, 2.5, 4 + 0.5 * max(nchar(key$labels))), mgp = c(3.4, 0.8, 0))
  settings <- utils::modifyList(
    list(x = x, y = y, type = "n", las = 1, bty = "n", cex.main = 1, font.main = 1, ...), given
  )
  do.call(graphics::plot, settings)
  place <- graphics::par("usr")
  log <- graphics::par("ylog")
  graphics::legend(
    place[2], if (log) 10^place[4] else place[4],
    key$labels, col = key$col, lwd = key$lwd, lty = key$lty %||% 1, pch = key$pch %||% NA, pt.bg = "white",
    xpd = NA, bty = "n", cex = 0.85, seg.len = 1.8, y.intersp = 1.2
  )
}

# What is golden and what was run, as a legend says it.
pair_key <- function(x, shown = !is_golden(x)) {
  data.frame(
    labels = c("golden", if (shown) x$by), col = c(golden_colour, if (shown) run_colour), lwd = c(6, if (shown) 1.5),
    lty = 1, pch = c(NA, if (shown) 16)
  )
}

# One entry a line.
line_key <- function(labels, pch = NA) {
  count <- length(labels)
  data.frame(
    labels = labels, col = rep_len(okabe_ito, count), lwd = 1.5,
    lty = rep_len(rep(c(1, 2, 3, 4), each = length(okabe_ito)), count), pch = rep_len(pch, count)
  )
}

# The function of two numbers that a case minimises, or NULL.
plane_objective <- function(x) {
  objective <- specification()$problems[[read_case(x$case)$problem]]$objective
  if (is.null(objective) || sum(elements(x)) != 2) {
    return(NULL)
  }
  loss <- plain_objective(objective)
  of <- rep(names(x$shapes), elements(x))
  function(a, b) loss(split(c(a, b), factor(of, names(x$shapes))))
}

plot_path <- function(x, golden, ...) {
  loss <- plane_objective(x)
  if (is.null(loss)) {
    abort(
      sprintf("%s has no path in a plane (expected an objective of two numbers; try what = \"params\")", x$case),
      "crossoptim_value_error"
    )
  }
  path <- function(trajectory) {
    start <- unlist(lapply(read_case(x$case)$initial, function(table) table$data[[1]]))
    rbind(unname(start), do.call(cbind, lapply(trajectory$params, function(rows) do.call(rbind, rows))))
  }
  wanted <- path(golden)
  got <- path(x)
  best <- as.double(unlist(specification()$problems[[read_case(x$case)$problem]]$minimum))
  seen <- rbind(wanted, got)
  seen <- seen[rowSums(!is.finite(seen)) == 0, , drop = FALSE]
  # A minimum that is far off would leave no room for the path.
  size <- function(points) max(apply(points, 2, function(values) diff(range(values))))
  has_best <- length(best) == 2 && size(rbind(seen, best)) < 2 * size(seen)
  if (has_best) {
    seen <- rbind(seen, best)
  }
  around <- function(values) mean(range(values)) + c(-0.6, 0.6) * max(diff(range(values)), 0.2 * size(seen), 1e-300)
  given <- list(...)
  given$xlim <- given$xlim %||% around(seen[, 1])
  given$ylim <- given$ylim %||% around(seen[, 2])
  marks <- data.frame(labels = "start", col = "black", lwd = NA, lty = 1, pch = 21)
  if (has_best) {
    marks <- rbind(marks, data.frame(labels = "minimum", col = "black", lwd = NA, lty = 1, pch = 8))
  }
  labels <- element_labels(x)
  canvas(
    seen[, 1], seen[, 2], xlab = labels[1], ylab = labels[2], main = title_of(x), key = rbind(pair_key(x), marks),
    given = given
  )
  contours(loss, graphics::par("usr"))
  if (has_best) {
    graphics::points(best[1], best[2], pch = 8, cex = 1.3)
  }
  graphics::lines(wanted, col = golden_colour, lwd = 6)
  if (is_golden(x)) {
    graphics::points(wanted, pch = 16, cex = 0.5)
  } else {
    graphics::lines(got, type = "o", col = run_colour, lwd = 1.5, pch = 16, cex = 0.5)
  }
  graphics::points(wanted[1, , drop = FALSE], pch = 21, bg = "white", cex = 1.4)
}

# Contours at equal shares of the plane, so that a steep wall does not take them all.
contours <- function(loss, usr) {
  across <- seq(usr[1], usr[2], length.out = 100)
  up <- seq(usr[3], usr[4], length.out = 100)
  height <- suppressWarnings(outer(across, up, Vectorize(loss)))
  known <- height[is.finite(height)]
  if (length(known) > 0) {
    levels <- unique(stats::quantile(known, c(0.01, seq(0.05, 0.95, by = 0.1)), names = FALSE))
    graphics::contour(across, up, height, levels = levels, add = TRUE, drawlabels = FALSE, col = "grey80")
  }
}

plot_loss <- function(x, golden, ...) {
  numbers <- function(trajectory) vapply(trajectory$loss, function(value) value %||% NA_real_, 0)
  wanted <- numbers(golden)
  got <- if (!is_golden(x)) numbers(x)
  if (!any(is.finite(wanted)) && !any(is.finite(got))) {
    abort(
      sprintf("%s has no loss (its gradients are a table; try what = \"params\")", x$case), "crossoptim_value_error"
    )
  }
  seen <- c(wanted, got)
  seen <- seen[is.finite(seen)]
  logarithmic <- all(seen > 0) && max(seen) > 100 * min(seen)
  shown <- any(is.finite(got))
  canvas(
    range(seq_along(wanted)), range(seen), log = if (logarithmic) "y" else "", xlab = "step",
    ylab = "loss before the step", main = title_of(x), key = pair_key(x, shown), given = list(...)
  )
  graphics::lines(wanted, col = golden_colour, lwd = 6)
  if (shown) {
    graphics::lines(got, type = "o", col = run_colour, lwd = 1.5, pch = 16, cex = 0.5)
  }
}

plot_params <- function(x, golden, ...) {
  table <- function(trajectory) do.call(cbind, lapply(trajectory$params, function(rows) do.call(rbind, rows)))
  wanted <- table(golden)
  got <- table(x)
  seen <- c(wanted, got)
  seen <- seen[is.finite(seen)]
  lines <- line_key(element_labels(x))
  many <- nrow(lines) > 16
  canvas(
    c(1, nrow(wanted)), if (length(seen) > 0) range(seen) else c(0, 1), xlab = "step", ylab = "parameter",
    main = title_of(x), key = if (many) line_key(sprintf("%d parameters", nrow(lines))) else lines, given = list(...)
  )
  graphics::matlines(wanted, col = pale(lines$col), lty = 1, lwd = 6)
  if (!is_golden(x)) {
    graphics::matlines(got, col = lines$col, lty = lines$lty, lwd = 1.5)
  }
}

plot_ulps <- function(x, golden, ...) {
  apart <- trajectory_ulps(x, golden)
  apart <- apart[vapply(apart, function(steps) any(!is.na(steps)), NA)]
  table <- do.call(cbind, apart)
  top <- max(table[is.finite(table)], 1)
  far <- is.infinite(table)
  # Infinity has a place of its own above the largest number; zero has one, too.
  place <- function(ulps) log10(1 + ulps)
  heights <- place(table)
  heights[far] <- 1.15 * place(top)
  lines <- line_key(colnames(table), pch = 16)
  canvas(
    c(1, x$steps), c(0, max(heights, place(top), na.rm = TRUE)), xlab = "step",
    ylab = "ulps from golden, worst element", yaxt = "n", main = title_of(x), key = lines, given = list(...)
  )
  powers <- seq(0, floor(place(top)), by = ceiling(place(top) / 6))
  graphics::axis(2, c(0, place(10^powers)), c("0", ifelse(powers < 4, 10^powers, sprintf("1e%d", powers))), las = 1)
  if (any(far, na.rm = TRUE)) {
    graphics::axis(2, 1.15 * place(top), "Inf", las = 1)
  }
  graphics::abline(h = 0, col = "grey80")
  graphics::matlines(heights, type = "o", col = lines$col, lty = lines$lty, lwd = 1.5, pch = 16, cex = 0.5)
}

title_of <- function(x) {
  if (is_golden(x)) paste(x$case, "golden", sep = ", ") else paste(x$case, x$by, sep = ", ")
}

# "x[1]", "matrix[2,3]", "scalar", in the order of a row.
element_labels <- function(x) {
  label <- function(name, shape) {
    if (length(shape) == 0) {
      return(name)
    }
    if (prod(shape) == 0) {
      return(character())
    }
    places <- arrayInd(seq_len(prod(shape)), rev(shape))
    sprintf("%s[%s]", name, apply(places[, rev(seq_along(shape)), drop = FALSE], 1, paste, collapse = ","))
  }
  unlist(Map(label, names(x$shapes), x$shapes), use.names = FALSE)
}
