# Made by `crossoptim generate` from the specification: not to be edited by hand.

# L-BFGS
lbfgs_conversation <- function(evaluate) { # nolint: cyclocomp_linter. It is many functions.
  curvature_floor <- 1e-10
  sufficient_decrease <- 0.0001
  curvature <- 0.9
  smallest_bracket <- 1e-09
  new_memory <- function(
    iterations = 0,
    pairs = list(),
    gradient = NULL,
    direction = NULL,
    length = NULL,
    travel = NULL
  ) {
    list(
      iterations = iterations,
      pairs = pairs,
      gradient = gradient,
      direction = direction,
      length = length,
      travel = travel
    )
  }
  new_evaluation <- function(point, loss, gradient) {
    list(point = point, loss = loss, gradient = gradient)
  }
  new_outcome <- function(point, stop, lengths = list()) {
    list(point = point, stop = stop, lengths = lengths)
  }
  new_trial <- function(t, at, slope) {
    list(t = t, at = at, slope = slope, loss = at$loss)
  }

  # Of the first step: no gradient at hand says how long.
  first_length <- function(xp, g) {
    inverse <- xp$number(1) / xp$total(g)
    one <- xp$number(1)
    if (xp$holds(inverse < one)) inverse else one
  }

  # The pairs with the last iteration's, unless its curvature is too small.
  remember <- function(xp, memory, g, history_size) {
    s <- xp$seen(memory$direction * memory$length, memory$travel)
    y <- g - memory$gradient
    if (!xp$holds(xp$dot(y, s) > xp$number(curvature_floor))) {
      return(memory$pairs)
    }
    utils::tail(c(memory$pairs, list(list(y, s))), history_size)
  }

  # Algorithm 7.4: minus the inverse Hessian's approximation times the gradient.
  direction <- function(xp, pairs, g) {
    q <- -g
    if (length(pairs) == 0) {
      return(q)
    }
    rhos <- lapply(pairs, function(item) {
      y <- item[[1]]
      s <- item[[2]]
      xp$named("rho", xp$number(1) / xp$dot(y, s))
    })
    alphas <- list()
    for (item in rev(Map(list, pairs, rhos))) {
      y <- item[[1]][[1]]
      s <- item[[1]][[2]]
      rho <- item[[2]]
      alpha <- xp$named("alpha", xp$dot(s, q) * rho)
      q <- q - alpha * y
      alphas <- c(alphas, list(alpha))
    }
    parts <- pairs[[length(pairs)]]
    y <- parts[[1]]
    s <- parts[[2]]
    d <- q * (xp$dot(y, s) / xp$dot(y, y))
    for (item in Map(list, pairs, rhos, rev(alphas))) {
      y <- item[[1]][[1]]
      s <- item[[1]][[2]]
      rho <- item[[2]]
      alpha <- item[[3]]
      beta <- xp$named("beta", xp$dot(y, d) * rho)
      d <- d + xp$named("weight", alpha - beta) * s
    }
    d
  }

  # Algorithms 3.5 and 3.6: a trial that meets the strong Wolfe conditions, or the best one; and how many were made.
  # None for a trial that bracketing comes to rest at although its loss is NaN.
  strong_wolfe <- function(xp, strict, start, d, t, slope, limit) {
    origin <- previous <- new_trial(xp$number(0), start, slope)
    enough <- xp$named("threshold", -(xp$number(curvature) * slope))
    trial <- function(t) {
      at <- evaluate(start$point + t * d)
      new_trial(xp$measured(t, d, list(start$point, at$point)), at, xp$dot(at$gradient, d))
    }

    too_high <- function(new) {
      ceiling <- xp$named("ceiling", start$loss + xp$number(sufficient_decrease) * new$t * slope)
      if (strict) !xp$holds(new$loss <= ceiling) else xp$holds(new$loss > ceiling)
    }

    flat <- function(new) {
      xp$holds(abs(new$slope) <= enough)
    }

    new <- trial(t)
    count <- 0
    repeat {
      if (!(count < limit)) {
        bracket <- list(origin, new)
        break
      }
      if (too_high(new) || count > 1 && xp$holds(new$loss >= previous$loss)) {
        bracket <- list(previous, new)
        break
      }
      if (flat(new)) {
        return(list(if (strict || xp$holds(new$loss <= new$loss)) new else NULL, count + 1))
      }
      if (xp$holds(new$slope >= xp$number(0))) {
        bracket <- list(previous, new)
        break
      }
      t <- cubic(xp, strict, previous, new, new$t + xp$number(0.01) * (new$t - previous$t), new$t * xp$number(10))
      previous <- new
      new <- trial(t)
      count <- count + 1
    }
    parts <- order(xp, strict, bracket)
    low <- parts[[1]]
    high <- parts[[2]]
    close <- FALSE
    while (count < limit) {
      a <- bracket[[1]]
      b <- bracket[[2]]
      if (xp$holds(abs(b$t - a$t) * xp$largest(d) < xp$number(smallest_bracket))) {
        break
      }
      parts <- if (xp$holds(b$t < a$t)) list(b$t, a$t) else list(a$t, b$t)
      left <- parts[[1]]
      right <- parts[[2]]
      t <- cubic(xp, strict, a, b, left, right)
      parts <- away_from_the_ends(xp, t, left, right, close)
      t <- parts[[1]]
      close <- parts[[2]]
      new <- trial(t)
      count <- count + 1
      if (too_high(new) || xp$holds(new$loss >= bracket[[low + 1]]$loss)) {
        bracket[[high + 1]] <- new
        parts <- order(xp, strict, bracket)
        low <- parts[[1]]
        high <- parts[[2]]
        next
      }
      if (flat(new)) {
        return(list(new, count + 1))
      }
      if (xp$holds(new$slope * (bracket[[high + 1]]$t - bracket[[low + 1]]$t) >= xp$number(0))) {
        bracket[[high + 1]] <- bracket[[low + 1]]
      }
      bracket[[low + 1]] <- new
    }
    list(bracket[[low + 1]], count + 1)
  }

  # Which end of a bracket is the lower one, and which the higher.
  order <- function(xp, strict, bracket) {
    parts <- lapply(bracket, function(end) end$loss)
    first <- parts[[1]]
    second <- parts[[2]]
    if (if (strict) !xp$holds(second < first) else xp$holds(first <= second)) list(0, 1) else list(1, 0)
  }

  # Equation 3.59: the minimum of the cubic through two trials, inside bounds; the middle where it has none.
  cubic <- function(xp, strict, a, b, low, high) {
    held <- function(value) xp$named("cubic", value)
    d1 <- a$slope + b$slope - xp$number(3) * (a$loss - b$loss) / (a$t - b$t)
    square <- d1 * d1 - a$slope * b$slope
    if (!xp$holds(square >= xp$number(0)) || strict && xp$holds(square >= xp$number(Inf))) {
      return((low + high) / xp$number(2))
    }
    root <- xp$sqrt(square)
    if (!xp$holds(a$t <= b$t)) {
      parts <- list(b, a)
      a <- parts[[1]]
      b <- parts[[2]]
    }
    ratio <- held(b$slope + root - d1) / held(held(b$slope - a$slope) + held(xp$number(2) * root))
    held(xp$clipped(held(held(b$t) - held(held(b$t - a$t) * held(ratio))), low, high))
  }

  # A trial that makes progress: not twice in a row within a tenth of the bracket from an end. Also whether this one
  # is that close.
  away_from_the_ends <- function(xp, t, left, right, close) {
    margin <- xp$number(0.1) * (right - left)
    if (!(xp$holds(right - t < margin) || xp$holds(t - left < margin))) {
      return(list(t, FALSE))
    }
    if (!(close || xp$holds(t >= right) || xp$holds(t <= left))) {
      return(list(t, TRUE))
    }
    list(if (xp$holds(abs(t - right) < abs(t - left))) right - margin else left + margin, FALSE)
  }

  converse <- function(xp, h, memory, x) {
    lr <- xp$number(h$lr)
    tolerance_grad <- xp$number(h$tolerance_grad)
    tolerance_change <- xp$number(h$tolerance_change)
    max_eval <- if (is.null(h$max_eval)) (h$max_iter * 5) %/% 4 else h$max_eval
    lengths <- list()
    at <- evaluate(x)
    spent <- 1
    if (xp$holds(xp$largest(at$gradient) <= tolerance_grad)) {
      return(new_outcome(at$point, "tolerance_grad at start"))
    }
    for (iteration in seq_len(h$max_iter)) {
      memory$iterations <- memory$iterations + 1
      if (memory$iterations == 1) {
        d <- -at$gradient
        t <- first_length(xp, at$gradient) * lr
      } else {
        memory$pairs <- remember(xp, memory, at$gradient, h$history_size)
        d <- direction(xp, memory$pairs, at$gradient)
        t <- lr
      }
      memory$gradient <- at$gradient
      memory$direction <- d
      memory$length <- t
      memory$travel <- NULL
      slope <- xp$dot(at$gradient, d)
      if (xp$holds(slope > -tolerance_change)) {
        return(new_outcome(at$point, "slope within tolerance_change", lengths))
      }
      before <- at
      if (h$line_search == "strong_wolfe") {
        limit <- if (is.null(h$line_search_limit)) max_eval - spent else h$line_search_limit
        parts <- strong_wolfe(xp, h$not_finite_is_too_high, before, d, t, slope, limit)
        found <- parts[[1]]
        trials <- parts[[2]]
        if (is.null(found)) {
          return(new_outcome(before$point, "no lower end", lengths))
        }
        at <- found$at
        t <- found$t
        spent <- spent + trials
      } else if (iteration < h$max_iter) {
        at <- evaluate(before$point + t * d)
        spent <- spent + 1
      } else {
        at <- new_evaluation(before$point + t * d, NULL, NULL)
      }
      memory$length <- t
      memory$travel <- list(before$point, at$point)
      lengths <- c(lengths, list(t))
      if (iteration == h$max_iter) {
        return(new_outcome(at$point, "max_iter", lengths))
      }
      if (spent >= max_eval) {
        return(new_outcome(at$point, "max_eval", lengths))
      }
      if (xp$holds(xp$largest(at$gradient) <= tolerance_grad)) {
        return(new_outcome(at$point, "tolerance_grad", lengths))
      }
      if (xp$holds(xp$largest(d * t) <= tolerance_change)) {
        return(new_outcome(at$point, "step within tolerance_change", lengths))
      }
      at <- new_evaluation(
        at$point,
        if (h$line_search == "strong_wolfe") xp$named("loss", at$loss) else at$loss,
        at$gradient
      )
      if (xp$holds(abs(at$loss - before$loss) < tolerance_change)) {
        return(new_outcome(at$point, "loss within tolerance_change", lengths))
      }
    }
  }

  conduct <- list(line_search_limit = NULL, not_finite_is_too_high = TRUE)
  list(converse = converse, conduct = conduct, new_memory = new_memory, new_evaluation = new_evaluation)
}
