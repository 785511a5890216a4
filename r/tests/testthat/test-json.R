test_that("doubles survive a round trip to the last bit", {
  values <- c(0.1, 1 / 3, -0.0, 0, 1, -1e300, 2^-1074, .Machine$double.xmax, 123456789012345680, NaN, Inf, -Inf)
  expect_identical(bits(read_row(from_json(to_json(I(values))))), bits(values))
})

test_that("whole doubles keep their point and integers have none", {
  expect_identical(to_json(I(c(1, -0.0, 1e22))), "[1.0, -0.0, 1e+22]")
  expect_identical(to_json(3L), "3")
})

test_that("non-finite numbers are strings", {
  expect_identical(to_json(I(c(NaN, Inf, -Inf, NA))), '["NaN", "Inf", "-Inf", "NaN"]')
})

test_that("lists become objects and arrays, and NULL becomes null", {
  value <- list(a = NULL, b = list(1L, TRUE, "x\"\n"), c = I(1))
  expect_identical(to_json(value), '{"a": null, "b": [1, true, "x\\"\\n"], "c": [1.0]}')
  expect_identical(to_json(list()), "[]")
  expect_identical(to_json(wire_object(list())), "{}")
  expect_identical(to_json(I(numeric())), "[]")
})

test_that("a row with a string among its numbers keeps 17 digits", {
  expect_identical(read_row(from_json('[0.10000000000000001, "NaN", 0.30000000000000004]')), c(0.1, NaN, 0.1 + 0.2))
})

test_that("a row of anything but numbers is refused", {
  for (row in c('["nan"]', "[[1]]", "[null]", "[true]")) {
    expect_error(read_row(from_json(row)), class = "crossoptim_json_error")
  }
})

test_that("text that names a file is not opened", {
  expect_error(from_json("DESCRIPTION"), class = "crossoptim_json_error")
})
