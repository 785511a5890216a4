step <- function(text, ..., dtype = "float64") {
  reference_step(list(update = list(list("p_new", text))), list(...), dtype)$p
}

test_that("float32 rounds as IEEE 754 says", {
  expect_identical(float32(0.1), 0.100000001490116119384765625)
  expect_identical(float32(2^-149 * c(0.5, 0.51, 1.5)), 2^-149 * c(0, 1, 2))
  expect_identical(float32(c(3.4028235e38, 3.5e38, NaN)), c(340282346638528859811704183484516925440, Inf, NaN))
})

test_that("every float32 operation is rounded, and a number once before its use", {
  expect_identical(step("p * a", p = 1, a = 0.1, dtype = "float32"), 0.100000001490116119384765625)
  expect_identical(step("p + a - p", p = 2^24, a = 1, dtype = "float32"), 0)
  expect_identical(step("p + a - p", p = 2^24, a = 1), 1)
  expect_identical(step("0.1 + p * 0", p = 1, dtype = "float32"), 0.100000001490116119384765625)
})

test_that("plain descent is arithmetic in the written order", {
  expect_identical(step("p - lr * g", p = c(1, -2), g = c(0.5, 3), lr = 0.1), c(0.95, -2.3))
})

test_that("comparison, selection and maximum treat NaN as Python does", {
  expect_identical(step("where(p < 1, 2, 3)", p = c(0, NaN, 1)), c(2, 3, 3))
  expect_identical(step("maximum(p, g)", p = c(1, NaN, 1), g = c(2, 1, NaN)), c(2, NaN, NaN))
  expect_silent(expect_identical(step("sqrt(p)", p = -1), NaN))
})

test_that("operators bind as in Python", {
  expect_identical(step("-p ** 2", p = 3), -9)
  expect_identical(step("2 ** 3 ** 2 * p", p = 1), 512)
})

test_that("the result has the parameter's shape", {
  p <- matrix(1:6 / 2, 2)
  expect_identical(step("p - 1", p = p), p - 1)
  expect_identical(step("1 / 2", p = p), matrix(0.5, 2, 3))
  expect_identical(step("where(p < 1, p, 0)", p = numeric()), numeric())
})

test_that("expression text can name nothing but the grammar", {
  expect_error(step("system('true')", p = 1), "system")
  expect_error(step("p +", p = 1), class = "crossoptim_expression_error")
  expect_error(step("p", p = 1, dtype = "bfloat16"), class = "crossoptim_value_error")
})

test_that("scalars come from hyperparameters and the step count", {
  equation <- list(scalars = list(list("bias", "1 - beta ** t"), list("root", "sqrt(bias)")))
  expect_identical(reference_scalars(equation, list(beta = 0.5), 2), list(bias = 0.75, root = sqrt(0.75)))
})

test_that("sums and products of matrices are rounded once", {
  expect_identical(step("p + sum(g)", p = 0, g = c(1, 2^-53, 2^-53)), 1 + 2^-52)
  expect_identical(step("sum(g)", p = 0, g = c(2^24, 1, 1), dtype = "float32"), 2^24 + 2)
  a <- matrix(c(1, 2^-30, 3, 1 + 2^-30), 2, byrow = TRUE)
  b <- matrix(c(1 + 2^-30, 1, -1, 2^30), 2, byrow = TRUE)
  expect_identical(step("matmul(p, g)", p = a, g = b), matrix(c(1, 2, 2 + 2^-29, 2^30 + 4), 2, byrow = TRUE))
  expect_identical(step("sum(g)", p = 0, g = c(Inf, 1)), Inf)
  expect_identical(step("sum(g)", p = 0, g = c(Inf, -Inf)), NaN)
})

test_that("rows and columns meet in a matrix, and state keeps its own shape", {
  p <- matrix(as.double(1:6), 2, byrow = TRUE)
  equation <- list(
    update = list(
      list("row_new", "row + sum_rows(p) / columns(p)"),
      list("p_new", "row_new * transpose(sum_rows(transpose(p))) / size(p)")
    ),
    shapes = list(row = "rows")
  )
  found <- reference_step(equation, list(p = p, row = matrix(0, 2, 1)))
  expect_identical(found$row, matrix(c(2, 5), 2, 1))
  expect_identical(found$p, outer(c(2, 5), c(5, 7, 9)) / 6)
})

test_that("the machine epsilon is that of the dtype", {
  expect_identical(step("epsilon(p)", p = 1, dtype = "float32"), 2^-23)
  expect_identical(step("epsilon(p)", p = 1), 2^-52)
})
