# The bound of one statement over named numbers; `k` counts the roundings that the numbers carry.
bound_of_text <- function(text, values, dtype, k = 0) {
  compile_bounds(list(list("out", text)), dtype)(lapply(values, bounded, k = k))$out
}

unit <- c(float32 = 2^-24, float64 = 2^-53)

test_that("an operation adds one rounding of its magnitude, a division or a root two", {
  for (dtype in names(unit)) {
    u <- unit[[dtype]]
    expect_equal(bound_of_text("a + b", list(a = 3, b = -2), dtype)$bound, u * 5, tolerance = 1e-12)
    expect_equal(bound_of_text("a - b", list(a = 3, b = 2), dtype)$bound, u * 5, tolerance = 1e-12)
    expect_equal(bound_of_text("a * b", list(a = 3, b = -2), dtype)$bound, u * 6, tolerance = 1e-12)
    expect_equal(bound_of_text("a * b + a", list(a = 3, b = -2), dtype)$bound, 2 * u * 9, tolerance = 1e-12)
    expect_equal(bound_of_text("a / b", list(a = 3, b = -2), dtype)$bound, 2 * u * 1.5, tolerance = 1e-12)
    expect_equal(bound_of_text("sqrt(a)", list(a = 4), dtype)$bound, 2 * u * 2, tolerance = 1e-12)
    expect_identical(bound_of_text("-a", list(a = 3), dtype), list(value = -3, bound = 0))
  }
})

test_that("cancellation keeps the size of what is cancelled", {
  made <- bound_of_text("a * b - c", list(a = 1 + 2^-20, b = 1 - 2^-20, c = 1), "float32")
  expect_equal(made$value, -2^-40)
  expect_equal(made$bound, 2 * 2^-24 * 2, tolerance = 1e-5)
})

test_that("what rounds each operation, in any honest order, is inside", {
  set.seed(7)
  values <- lapply(stats::setNames(nm = c("a", "b", "c")), function(name) float32(stats::runif(200, 0.1, 4)))
  ways <- list(
    c("a * b + a * c", "a * (b + c)"), c("(a + b) + c", "a + (b + c)"), c("a / b", "a * (1 / b)"),
    c("(1 - a) * b + a * c", "b + a * (c - b)"), c("sqrt(a * b) / c", "sqrt(a) * sqrt(b) / c"),
    c("a / (sqrt(b) + c)", "(1 / (sqrt(b) + c)) * a")
  )
  for (texts in ways) {
    made <- bound_of_text(texts[1], values, "float32")
    for (text in texts) {
      calls <- parse_statements(list(list("out", text)), float32)
      got <- evaluate_statements(calls, values, reference_functions("float32"))$out
      expect_true(all(abs(got - made$value) <= made$bound), label = paste(text, "inside the bound of", texts[1]))
    }
    expect_true(all(made$bound < 3e-5), label = paste("the bound of", texts[1], "is small"))
  }
})

test_that("where rounding could decide a comparison, both branches are admissible", {
  near <- bound_of_text("where(a * b > c, a, -a)", list(a = 2, b = 1.5, c = 3), "float32")
  expect_gte(near$bound, 4)
  clear <- bound_of_text("where(a * b > c, a, -a)", list(a = 2, b = 1.5, c = 2), "float32")
  expect_identical(clear, list(value = 2, bound = 0))
  # Numbers that are known exactly leave no doubt.
  equal <- bound_of_text("where(a > b, a, c)", list(a = 2, b = 2, c = 5), "float32")
  expect_identical(equal, list(value = 5, bound = 0))
  nan <- bound_of_text("where(a > b, a, c)", list(a = NaN, b = 2, c = 5), "float32")
  expect_identical(nan$value, 5)
})

test_that("there is no bound where a divisor may be zero or a radicand negative", {
  values <- list(a = 1 + 2^-20, b = 1 - 2^-20, c = 1 - 2^-40)
  expect_identical(bound_of_text("a / (a * b - c)", values, "float32", k = 1)$bound, Inf)
  expect_identical(bound_of_text("sqrt(a * b - c)", values, "float32", k = 1)$bound, Inf)
})

test_that("a number beyond the format is an infinity there", {
  values <- list(a = 2^120, b = -2^20)
  expect_identical(bound_of_text("a * b", values, "float32")$value, -Inf)
  expect_identical(bound_of_text("a * b", values, "float64")$value, -2^140)
})

test_that("a product that may underflow has an absolute bound", {
  values <- list(a = 2^-100, b = 2^-100)
  expect_gte(bound_of_text("a * b", values, "float32")$bound, 2^-149)
  expect_identical(bound_of_text("a * b", list(a = 0, b = 2^-100), "float32")$bound, 0)
})

test_that("a constant that the dtype does not hold is one rounding more", {
  expect_equal(bound_of_text("a * 0.1", list(a = 1), "float32")$bound, 2 * 2^-24 * 0.1, tolerance = 1e-12)
  expect_equal(bound_of_text("a * 0.5", list(a = 1), "float32")$bound, 2^-24 * 0.5, tolerance = 1e-12)
  expect_equal(bound_of_text("a * 0.1", list(a = 1), "float64")$bound, 2^-53 * 0.1, tolerance = 1e-12)
})

test_that("a power is as steep as where its argument's error may carry it", {
  made <- bound_of_text("a ** 0.5", list(a = 4), "float32", k = 2)
  expect_true(all(abs(sqrt(4 * (1 + c(-2, 2) * 2^-24)) - made$value) <= made$bound))
  expect_lt(made$bound, 1e-6)
})

test_that("sums are inside their bound in any order, whole and by row", {
  set.seed(8)
  x <- matrix(float32(stats::rnorm(40)), 4)
  in_order <- function(x) Reduce(function(a, b) float32(a + b), x, 0)
  whole <- bound_of_text("sum(x)", list(x = x), "float32")
  for (order in list(seq_along(x), rev(seq_along(x)), order(x))) {
    expect_lte(abs(in_order(x[order]) - whole$value), whole$bound)
  }
  rows <- bound_of_text("sum_rows(x)", list(x = x), "float32")
  expect_identical(dim(rows$value), c(4L, 1L))
  expect_true(all(abs(apply(x, 1, in_order) - rows$value) <= rows$bound))
  expect_lt(max(rows$bound), 1e-4)
})

test_that("a column beside a matrix is one number a row", {
  x <- matrix(c(1, 2, 3, 4, 5, 6), 2)
  made <- bound_of_text("x / sum_rows(x)", list(x = x), "float64")
  expect_equal(made$value, x / c(9, 12))
  expect_identical(dim(made$bound), dim(x))
})

test_that("repeated products of matrices have a bound that does not explode", {
  set.seed(9)
  x <- matrix(float32(stats::rnorm(12)), 3) / 4
  texts <- list(list("y", "matmul(x, transpose(x))"), list("z", "matmul(y, y)"), list("out", "matmul(z, x) - x"))
  made <- compile_bounds(texts, "float32")(list(x = bounded(x)))$out
  rounded <- function(a, b) {
    out <- matrix(0, nrow(a), ncol(b))
    for (k in rev(seq_len(ncol(a)))) out[] <- float32(out + float32(outer(a[, k], b[k, ])))
    out
  }
  y <- rounded(x, t(x))
  got <- array(float32(rounded(rounded(y, y), x) - x), dim(x))
  exact <- x %*% t(x) %*% x %*% t(x) %*% x - x
  expect_true(all(abs(got - exact) <= made$bound))
  expect_lt(max(made$bound), 1e-5)
})
