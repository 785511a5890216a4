# Sums and products of matrices for equations that need them. Base R's own sum() is as exact as the machine's
# long double; these carry the rounding error of each addition and product along (Ogita, Rump and Oishi 2005,
# Algorithms 4.1 and 5.3), so that they round once, but for the rarest of ties.

reductions <- function(round, epsilon) {
  list(
    sum = function(x) round(rounded_once(compensated(as.double(x)))),
    sum_rows = function(x) {
      columns <- lapply(seq_len(ncol(x)), function(j) x[, j, drop = FALSE])
      round(sum_of_columns(columns, nrow(x), 1L))
    },
    matmul = function(a, b) round(product(a, b)),
    transpose = t,
    size = function(x) round(length(x)),
    columns = function(x) round(if (is.null(dim(x))) length(x) else ncol(x)),
    epsilon = function(x) epsilon
  )
}

# Whether an equation's parameters must be matrices, not vectors of their elements.
needs_matrices <- function(equation) {
  used <- unlist(lapply(equation$update, function(pair) all.names(parse_text(pair[[2]]))))
  any(c("sum_rows", "columns", "matmul", "transpose") %in% used)
}

# Arrays of different shapes together: an axis of length one is repeated.
spread <- function(f) {
  stretch <- function(x, shape) {
    x[rep_len(seq_len(nrow(x)), shape[1]), rep_len(seq_len(ncol(x)), shape[2]), drop = FALSE]
  }
  function(a, b) {
    if (is.null(dim(a)) || is.null(dim(b)) || identical(dim(a), dim(b))) {
      return(f(a, b))
    }
    shape <- ifelse(dim(a) == 1, dim(b), dim(a))
    f(stretch(a, shape), stretch(b, shape))
  }
}

compensated <- function(x) {
  total <- add_exactly(0, 0)
  for (value in x) {
    total <- accumulate(total, value, 0)
  }
  total
}

sum_of_columns <- function(columns, rows, width) {
  total <- add_exactly(matrix(0, rows, width), 0)
  for (column in columns) {
    total <- accumulate(total, column, 0)
  }
  rounded_once(total)
}

product <- function(a, b) {
  total <- add_exactly(matrix(0, nrow(a), ncol(b)), 0)
  for (k in seq_len(ncol(a))) {
    left <- matrix(a[, k], nrow(a), ncol(b))
    right <- matrix(b[k, ], nrow(a), ncol(b), byrow = TRUE)
    term <- left * right
    total <- accumulate(total, term, product_error(left, right, term))
  }
  rounded_once(total)
}

accumulate <- function(total, value, error) {
  sum <- add_exactly(total$sum, value)
  sum$error <- total$error + (sum$error + error)
  sum
}

# The rounded sum of two numbers, and what it lost.
add_exactly <- function(a, b) {
  sum <- a + b
  back <- sum - a
  list(sum = sum, error = (a - (sum - back)) + (b - back))
}

# What a product lost (Dekker 1971).
product_error <- function(a, b, product) {
  upper <- function(x) {
    far <- x * 134217729
    far - (far - x)
  }
  a_high <- upper(a)
  b_high <- upper(b)
  a_low <- a - a_high
  b_low <- b - b_high
  a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
}

# Beside an infinity an error means nothing.
rounded_once <- function(total) {
  total$sum + ifelse(is.finite(total$sum) & is.finite(total$error), total$error, 0)
}
