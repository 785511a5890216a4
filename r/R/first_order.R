# The rounding error of products of matrices, to first order: what a magnitude bound cannot do where they follow one
# another. It multiplies magnitudes, and five Newton-Schulz iterations of Muon raise them to the power 5^5, although the
# iteration damps most errors. So such an equation is run on numbers that carry an error term for each rounding of each
# element; later operations carry it on with the size and sign that it has there (forward differentiation; Higham 2002,
# section 3.8). The bound takes every term at its largest, all with one sign, and a sum rounded in any order. Terms of
# second order are left out: they are smaller by the unit roundoff times the iteration's amplification.
#
# A number is its `centre` and its `noise`: a row an element, a column a term; terms beyond the last column are zero.

first_order_functions <- function(dtype) {
  precision <- precision_of(dtype)
  terms <- 0
  number <- function(centre, noise = matrix(0, length(centre), 0)) list(centre = centre, noise = noise)
  fresh <- function(size) {
    noise <- matrix(0, length(size), terms + length(size))
    noise[cbind(seq_along(size), terms + seq_along(size))] <- size
    terms <<- terms + length(size)
    noise
  }
  added <- function(a, b) {
    if (ncol(a) < ncol(b)) {
      return(added(b, a))
    }
    first <- seq_len(ncol(b))
    a[, first] <- a[, first] + b
    a
  }
  rounded <- function(x, count, size = abs(x$centre)) {
    error <- ifelse(size == 0, 0, count * (precision$unit * size + precision$smallest))
    number(x$centre, added(x$noise, fresh(as.double(error))))
  }
  # A number beside a matrix is one for each of its elements.
  operation <- function(f) {
    fill <- function(x, like) {
      if (length(x$centre) == length(like$centre)) {
        return(x)
      }
      all <- rep_len(1L, length(like$centre))
      number(array(x$centre, dim(like$centre) %||% length(like$centre)), x$noise[all, , drop = FALSE])
    }
    function(a, b) if (length(a$centre) == 1) f(fill(a, b), b) else f(a, fill(b, a))
  }
  negative <- function(x) number(-x$centre, -x$noise)
  plus <- operation(function(a, b) {
    rounded(number(a$centre + b$centre, added(a$noise, b$noise)), 1, abs(a$centre) + abs(b$centre))
  })
  times <- operation(function(a, b) {
    noise <- added(a$noise * as.double(b$centre), b$noise * as.double(a$centre))
    rounded(number(a$centre * b$centre, noise), 1)
  })
  over <- operation(function(a, b) {
    quotient <- a$centre / b$centre
    noise <- added(a$noise / as.double(b$centre), -b$noise * as.double(quotient / b$centre))
    rounded(number(quotient, noise), 2)
  })
  # Which row of the noise belongs to an element.
  at <- function(x) matrix(seq_along(x$centre), nrow(x$centre), ncol(x$centre))
  # The products are not rounded one by one: one more rounding of the sum covers them.
  matmul <- function(a, b) {
    noise <- matrix(0, nrow(a$centre) * ncol(b$centre), 0)
    for (k in seq_len(ncol(a$centre))) {
      left <- rep(at(a)[, k], ncol(b$centre))
      right <- rep(at(b)[k, ], each = nrow(a$centre))
      term <- added(
        a$noise[left, , drop = FALSE] * b$centre[right], b$noise[right, , drop = FALSE] * a$centre[left]
      )
      noise <- added(noise, term)
    }
    rounded(number(a$centre %*% b$centre, noise), ncol(a$centre), abs(a$centre) %*% abs(b$centre))
  }
  # Of two single numbers; unknown where rounding could decide otherwise.
  maximum <- function(a, b) {
    larger <- if (isTRUE(a$centre < b$centre)) b else a
    reach <- sum(abs(added(a$noise, -b$noise)))
    clear <- isTRUE(reach == 0) || isTRUE(abs(a$centre - b$centre) > reach)
    if (clear) larger else number(larger$centre, larger$noise * Inf)
  }
  functions <- list(
    `(` = identity,
    `+` = plus, `*` = times, `/` = over,
    `-` = function(a, b) if (missing(b)) negative(a) else plus(a, negative(b)),
    matmul = matmul, maximum = maximum,
    transpose = function(x) {
      number(t(x$centre), x$noise[as.integer(t(at(x))), , drop = FALSE])
    },
    sum = function(x) {
      total <- number(sum(x$centre), matrix(colSums(x$noise), 1))
      rounded(total, length(x$centre), sum(abs(x$centre)))
    },
    sqrt = function(x) {
      root <- sqrt(x$centre)
      rounded(number(root, ifelse(x$noise == 0, 0, x$noise / (2 * as.double(root)))), 2)
    },
    columns = function(x) number(ncol(x$centre))
  )
  list(
    functions = list2env(functions, parent = emptyenv()),
    number = number,
    # A number with a bound, as a leaf.
    leaf = function(value, bound) {
      exact <- !any(is.na(bound) | bound != 0)
      if (exact) number(value) else number(value, fresh(rep_len(bound, length(value))))
    }
  )
}

# The statements that products of matrices reach.
after_products <- function(calls) {
  reached <- character()
  for (name in names(calls)) {
    if (any(c("matmul", reached) %in% all.names(calls[[name]]))) {
      reached <- c(reached, name)
    }
  }
  reached
}

# The bounds of what an equation with products of matrices makes, from the bounded numbers that it reads.
first_order_bounds <- function(statements, values, dtype) {
  words <- first_order_functions(dtype)
  unit <- precision_of(dtype)$unit
  leaves <- lapply(values, function(x) words$leaf(x$value, x$k * unit * x$magnitude + x$extra))
  made <- evaluate_statements(parse_statements(statements, words$number), leaves, words$functions)
  lapply(made, function(x) {
    bound <- rowSums(abs(x$noise))
    list(value = x$centre, bound = ifelse(is.finite(bound), bound, Inf))
  })
}
