# Numbers with twice the digits of a double: the unevaluated sum of two doubles, c(value, rest). In them the per-step
# scalars are evaluated, and rounded once at the end. Operations after Dekker 1971 and Hida, Li & Bailey 2001.

double_double <- function() {
  list2env(
    list(
      `(` = identity, `+` = add_dd, `-` = function(a, b) if (missing(b)) -a else add_dd(a, -b), `*` = times_dd,
      `/` = divide_dd, `^` = power_dd, sqrt = root_dd,
      `<` = compare_dd(`<`), `>` = compare_dd(`>`), `<=` = compare_dd(`<=`), `>=` = compare_dd(`>=`),
      where = function(condition, a, b) if (condition) a else b,
      maximum = function(a, b) if (compare_dd(`>=`)(a, b)) a else b
    ),
    parent = emptyenv()
  )
}

as_dd <- function(x) c(as.double(x), 0)

# Beside a number that is not finite the rest means nothing.
normal_dd <- function(value, rest) {
  if (!is.finite(value) || !is.finite(rest)) {
    return(c(value, 0))
  }
  sum <- value + rest
  c(sum, rest - (sum - value))
}

add_dd <- function(a, b) {
  high <- add_exactly(a[1], b[1])
  low <- add_exactly(a[2], b[2])
  first <- normal_dd(high$sum, high$error + low$sum)
  normal_dd(first[1], first[2] + low$error)
}

times_dd <- function(a, b) {
  product <- a[1] * b[1]
  normal_dd(product, product_error(a[1], b[1], product) + (a[1] * b[2] + a[2] * b[1]))
}

divide_dd <- function(a, b) {
  first <- a[1] / b[1]
  if (!is.finite(first) || !is.finite(b[1])) {
    return(c(first, 0))
  }
  left <- add_dd(a, -times_dd(b, as_dd(first)))
  second <- left[1] / b[1]
  third <- add_dd(left, -times_dd(b, as_dd(second)))[1] / b[1]
  add_dd(normal_dd(first, second), as_dd(third))
}

root_dd <- function(a) {
  first <- suppressWarnings(sqrt(a[1]))
  if (!is.finite(first) || first == 0) {
    return(c(first, 0))
  }
  left <- add_dd(a, -times_dd(as_dd(first), as_dd(first)))
  normal_dd(first, left[1] / (2 * first))
}

compare_dd <- function(f) {
  function(a, b) {
    if (!is.nan(a[1]) && !is.nan(b[1]) && a[1] == b[1]) f(a[2], b[2]) else f(a[1], b[1]) %in% TRUE
  }
}

# Whole exponents by squaring, others by logarithm.
power_dd <- function(a, b) {
  exponent <- b[1]
  if (b[2] == 0 && is.finite(exponent) && exponent == round(exponent) && abs(exponent) < 2^31) {
    return(whole_power_dd(a, exponent))
  }
  if (!is.finite(exponent) || !is.finite(a[1]) || a[1] <= 0) {
    return(c(a[1]^exponent, 0))
  }
  exp_dd(times_dd(b, log_dd(a)))
}

whole_power_dd <- function(a, exponent) {
  result <- as_dd(1)
  left <- abs(exponent)
  while (left > 0) {
    if (left %% 2 == 1) {
      result <- times_dd(result, a)
    }
    a <- times_dd(a, a)
    left <- left %/% 2
  }
  if (exponent < 0) divide_dd(as_dd(1), result) else result
}

# The logarithm of two, in two doubles.
log_two_dd <- c(0.693147180559945286, 2.3190468138462996e-17)

exp_dd <- function(a) {
  whole <- round(a[1] / log_two_dd[1])
  if (abs(whole) > 1000) {
    return(as_dd(exp(a[1])))
  }
  # The series converges fast near zero: a 2^-9 part of the remainder, squared nine times.
  small <- add_dd(a, -times_dd(as_dd(whole), log_two_dd)) / 512
  term <- sum <- as_dd(1)
  for (n in 1:9) {
    term <- divide_dd(times_dd(term, small), as_dd(n))
    sum <- add_dd(sum, term)
  }
  for (squared in 1:9) {
    sum <- times_dd(sum, sum)
  }
  sum * 2^whole
}

# One step of Newton's method doubles the digits of R's logarithm.
log_dd <- function(a) {
  first <- as_dd(log(a[1]))
  add_dd(first, add_dd(times_dd(a, exp_dd(-first)), as_dd(-1)))
}
