# Numbers that carry their rounding bound, as another set of functions for the specification's expression text. For each
# operation, an implementation that rounds it (in this order, reassociated or distributed) lies within
#
#     k u magnitude + extra
#
# of `value`: `magnitude` is made with every operand by its absolute value and every subtraction an addition, k counts
# the roundings on the longest path, u is the unit roundoff, and `extra` carries what does not scale with u: underflow,
# and the error of numbers that were computed elsewhere; where it is infinite, an honest implementation may have any
# number, or NaN. Division and square root count two roundings: libraries multiply by the reciprocal, and vectorised
# square roots are faithful, not correctly rounded. After Higham 2002, Accuracy and Stability of Numerical Algorithms,
# ch. 3.
#
# The values are doubles. In float32 they are as good as exact; in float64 they are rounded as the numbers under
# judgement are, so that the bound counts twice.

precision_of <- function(dtype) {
  switch(dtype,
    float32 = list(unit = 2^-24, smallest = 2^-149, largest = (2 - 2^-23) * 2^127, sides = 1),
    float64 = list(unit = 2^-53, smallest = 2^-1074, largest = .Machine$double.xmax, sides = 2)
  )
}

bounded <- function(value, magnitude = abs(value), k = 0, extra = 0) {
  list(value = value, magnitude = magnitude, k = k, extra = extra)
}

# `settles`: no reassociation or distribution reaches through a difference, whose bound is then an absolute error. So it
# is for the scalars of a step, which every library computes as they are written.
bounded_functions <- function(dtype, settles = FALSE) {
  precision <- precision_of(dtype)
  unit <- precision$unit
  smallest <- precision$smallest
  select <- reference_functions("float64")$where
  # As in Python, a comparison with NaN is false.
  holds <- function(test) test & !is.na(test)
  pick <- function(test, yes, no) select(holds(test), yes, no)
  larger <- function(a, b) pick(a >= b | is.na(a), a, b)
  bound_of <- function(x) x$k * unit * x$magnitude + x$extra
  # A result beyond the format's range is an infinity there.
  held <- function(value, magnitude, k, extra) {
    bounded(pick(abs(value) > precision$largest, sign(value) * Inf, value), magnitude, k, extra)
  }
  # An absolute error times a factor: no bound gets none from zero, and no error stays none beside an infinity.
  carried <- function(extra, factor) pick(is.infinite(extra), Inf, pick(extra == 0, 0, extra * factor))
  # Zero times a number is zero, and nothing underflows.
  may_differ_from_zero <- function(x) x$magnitude > 0 | x$extra > 0 | is.na(x$magnitude)

  # The operands in one shape.
  operation <- function(f) {
    first <- spread(function(a, b) a)
    stretch <- function(x, shape) {
      parts <- lapply(x[c("value", "magnitude", "extra")], function(part) {
        if (is.null(dim(x$value)) || is.null(dim(shape))) part else first(select(TRUE, part, x$value), shape)
      })
      bounded(parts$value, parts$magnitude, x$k, parts$extra)
    }
    function(a, b) {
      if (is.null(dim(a$value)) && is.null(dim(b$value))) f(a, b) else f(stretch(a, b$value), stretch(b, a$value))
    }
  }

  sum_of <- function(a, b, value) {
    # Beside an infinity, a product beyond the format is an infinity too, but a contraction never rounds it: NaN, or
    # Inf.
    beyond <- is.nan(value) & !is.nan(a$value) & !is.nan(b$value) & is.finite(pmin(a$magnitude, b$magnitude))
    extra <- pick(beyond, Inf, a$extra + b$extra)
    held(pick(beyond, a$value, value), a$magnitude + b$magnitude, max(a$k, b$k) + 1, extra)
  }
  # Rounded once, and by no more than its own size.
  settled <- function(a, b, size) bounded(a$value - b$value, size, 0, bound_of(a) + bound_of(b) + unit * size)
  minus <- operation(function(a, b) {
    difference <- a$value - b$value
    if (settles) settled(a, b, abs(difference)) else sum_of(a, b, difference)
  })
  times <- operation(function(a, b) {
    underflow <- pick(may_differ_from_zero(a) & may_differ_from_zero(b), smallest, 0)
    extra <- carried(a$extra, b$magnitude) + carried(b$extra, a$magnitude + a$extra) + underflow
    held(a$value * b$value, a$magnitude * b$magnitude, a$k + b$k + 1, extra)
  })
  over <- operation(function(a, b) {
    size <- abs(b$value)
    # The divisor's own error may bring it closer to zero; if it may reach zero, there is no bound.
    nearest <- pick(is.infinite(size) & !is.infinite(b$extra), Inf, larger(size - bound_of(b), 0))
    scale <- pick(is.finite(nearest) & nearest > 0, b$magnitude / size / nearest, 0)
    spread <- pick(scale > 0, a$magnitude * b$extra / size / nearest, 0)
    # The reciprocal of a large divisor may underflow before it is multiplied.
    underflow <- pick(may_differ_from_zero(a), smallest * (1 + a$magnitude), 0)
    extra <- pick(nearest > 0, carried(a$extra, scale) + spread + underflow, Inf)
    # A divisor that is zero by rounding need not be: the quotient may be any number.
    by_rounding <- size == 0 & bound_of(b) > 0 & is.finite(a$value)
    held(pick(by_rounding, a$value, a$value / b$value), a$magnitude * scale, a$k + b$k + 2, extra)
  })
  # Of a number that is not negative; at zero, the error's own power is the bound.
  power <- operation(function(a, b) {
    exponent <- b$value
    size <- a$value
    bound <- bound_of(a)
    value <- size^exponent
    # The slope is steepest where the argument's error may carry it; that of a concave power is at most the chord's from
    # 0.
    steepest <- pick(exponent < 1, larger(size - bound, 0), size + bound)
    slope <- abs(exponent) * steepest^(exponent - 1)
    slope <- pick(exponent < 1, pmin(slope, value / size), slope)
    slope <- pick(size > 0 & exponent != 0, slope, 0)
    # 1/3 is a rounded number, which a cube root does not round.
    misread <- pick(size > 0, value * abs(log(abs(size)) * exponent) * unit, 0)
    extra <- pick(size > 0, a$extra * slope + misread, pick(exponent > 0, bound^exponent, 0))
    held(value, larger(a$magnitude * slope, value), a$k + 2, extra)
  })
  root <- function(x) {
    bound <- bound_of(x)
    # A difference whose sign rounding decides has no bound: its root may be NaN.
    decided <- !holds(x$magnitude > 1.001 * abs(x$value) & abs(x$value) <= bound)
    size <- pick(decided | x$value > 0, x$value, x$value - x$value)
    value <- suppressWarnings(sqrt(size))
    # |sqrt(x') - sqrt(x)| = |x' - x| / (sqrt(x') + sqrt(x)), and x' is no less than x - bound.
    steeper <- 2 / (1 + sqrt(larger(1 - bound / size, 0)))
    magnitude <- pick(value > 0, larger(x$magnitude * steeper / value, value), 0)
    extra <- pick(value > 0, pmin(sqrt(x$extra), x$extra / value), sqrt(bound))
    held(value, magnitude, x$k / 2 + 2, pick(decided & !is.infinite(x$extra), extra, Inf))
  }

  # A comparison: its truth at the values, and where rounding could decide it otherwise.
  comparison <- function(f) {
    operation(function(a, b) {
      reach <- bound_of(a) + bound_of(b)
      list(truth = f(a$value, b$value), straddles = abs(a$value - b$value) <= reach & reach > 0)
    })
  }
  # Where the condition straddles, both branches are admissible.
  where <- function(condition, a, b) {
    branch <- function(part, other) {
      pick(condition$straddles, other, pick(condition$truth, a[[part]], b[[part]]))
    }
    apart <- pick(condition$straddles, abs(a$value - b$value), 0)
    bounded(
      pick(condition$truth, a$value, b$value),
      branch("magnitude", larger(a$magnitude, b$magnitude)),
      max(a$k, b$k),
      branch("extra", larger(a$extra, b$extra)) + apart
    )
  }
  # No more than the larger of both errors.
  maximum <- operation(function(a, b) {
    bounded(
      pick(a$value > b$value | is.na(a$value), a$value, b$value),
      larger(a$magnitude, b$magnitude), max(a$k, b$k), larger(a$extra, b$extra)
    )
  })

  number <- function(value) bounded(value, abs(value), if (unit <= 2^-53 || float32(value) == value) 0 else 1)
  # A sum in any order.
  total <- function(x, sum, count) {
    extra <- select(TRUE, x$extra, x$value)
    held(sum(x$value), sum(x$magnitude), x$k + max(count - 1, 0), sum(extra))
  }
  row_sums <- function(x) matrix(rowSums(x), ncol = 1)

  functions <- list(
    `(` = identity,
    `+` = operation(function(a, b) sum_of(a, b, a$value + b$value)),
    `-` = function(a, b) if (missing(b)) bounded(-a$value, a$magnitude, a$k, a$extra) else minus(a, b),
    `*` = times, `/` = over, `^` = power, sqrt = root,
    `<` = comparison(`<`), `>` = comparison(`>`), `<=` = comparison(`<=`), `>=` = comparison(`>=`),
    where = where, maximum = maximum,
    sum = function(x) total(x, sum, length(x$value)),
    sum_rows = function(x) total(x, row_sums, ncol(x$value)),
    transpose = function(x) {
      extra <- select(TRUE, x$extra, x$value)
      bounded(t(x$value), t(x$magnitude), x$k, t(extra))
    },
    size = function(x) number(length(x$value)),
    columns = function(x) number(if (is.null(dim(x$value))) length(x$value) else ncol(x$value)),
    epsilon = function(x) number(2 * unit)
  )
  list(functions = list2env(functions, parent = emptyenv()), number = number, bound_of = bound_of)
}

# The bounds of what statements make: a function of the bounded numbers that they read. What products of matrices reach
# is bounded to first order around the reference, which rounds, too.
compile_bounds <- function(statements, dtype, settles = FALSE) {
  words <- bounded_functions(dtype, settles)
  calls <- parse_statements(statements, words$number)
  reached <- after_products(calls)
  function(values) {
    plain <- evaluate_statements(calls[setdiff(names(calls), reached)], values, words$functions)
    made <- lapply(plain, function(x) list(value = x$value, bound = words$bound_of(x)))
    if (length(reached) > 0) {
      made[reached] <- lapply(first_order_bounds(statements, values, dtype)[reached], function(x) {
        list(value = NULL, bound = x$bound)
      })
    }
    made
  }
}
