test_that("ulps are those of the second number", {
  expect_identical(ulps(1 + 2^-52, 1), 1)
  expect_identical(ulps(1 - 2^-53, 1), 0.5)
  expect_identical(ulps(1, 1 - 2^-53), 1)
  expect_identical(ulps(c(2, -3, 0), c(2, -3, -0)), c(0, 0, 0))
  expect_identical(ulps(c(2^-149, 2^-126, 1 + 2^-23), c(0, 2^-126 + 2^-149, 1), "float32"), c(1, 1, 1))
  expect_identical(ulps(c(2^-1074, 2^1023), c(0, 2^1023 * (2 - 2^-52))), c(1, 2^52 - 1))
  expect_identical(ulps(c(NaN, Inf, NaN, Inf, 1), c(NaN, Inf, 1, -Inf, NaN)), c(0, 0, Inf, Inf, Inf))
  expect_identical(ulps(numeric(), numeric()), numeric())
  # Just below powers of two, where a logarithm is rounded up.
  power <- 2^(-20:20)
  expect_identical(ulps(power * (1 - 2^-52), power * (1 - 2^-53)), rep(1, 41))
  expect_error(ulps(1, 1, "bfloat16"), class = "crossoptim_value_error")
})

test_that("a trajectory says how it ends, and how far that is from golden", {
  expect_output(print(golden_trajectory("adam/amsgrad-ravine-f64")), "30 steps in float64.*x +-2.16.*loss +0.5378")
  ours <- reference_trajectory("adam/amsgrad-ravine-f64")
  expect_output(print(ours), "adam/amsgrad-ravine-f64, base R.*the golden parameters, bit for bit")
  ours$params$x[[7]][2] <- ours$params$x[[7]][2] * (1 + 2^-50)
  expect_output(print(ours), "ulps from the golden parameters; step 7 is the first that differs")
})

test_that("a data frame has one row for each number", {
  table <- as.data.frame(golden_trajectory("adam/group-added-injected-f64"))
  golden <- golden_trajectory("adam/group-added-injected-f64")
  expect_identical(names(table), c("step", "tensor", "element", "value"))
  expect_identical(
    table$value[table$tensor == "state/matrix/m" & table$step == 30], golden$state$matrix$m[[30]]
  )
  there <- which(lengths(golden$gradients$scalar) > 0)
  expect_identical(table$step[table$tensor == "gradients/scalar"], there)
  expect_identical(max(table$element), 6L)
  expect_false("loss" %in% table$tensor)
  expect_identical(sum(as.data.frame(golden_trajectory("adam/plain-mtcars-f64"))$tensor == "loss"), 30L)
})

test_that("elements are named in the order of a row", {
  expect_identical(
    element_labels(list(shapes = list(w = c(2L, 3L), b = 2L, s = integer(), none = 0L))),
    c("w[1,1]", "w[1,2]", "w[1,3]", "w[2,1]", "w[2,2]", "w[2,3]", "b[1]", "b[2]", "s")
  )
})

# The text on the page that some code draws.
drawn <- function(code) {
  path <- withr::local_tempfile(fileext = ".ps")
  grDevices::postscript(path, useKerning = FALSE)
  on.exit(if (grDevices::dev.cur() > 1) grDevices::dev.off())
  force(code)
  grDevices::dev.off()
  page <- paste(readLines(path), collapse = "\n")
  paste(regmatches(page, gregexpr("[(].*?[)] |showpage", page))[[1]], collapse = "")
}

test_that("every picture is drawn, with what it shows in the legend, and margins are put back", {
  golden <- golden_trajectory("adam/plain-rosenbrock-f32")
  ours <- reference_trajectory("adam/plain-rosenbrock-f32")
  page <- drawn({
    before <- graphics::par("mar")
    expect_identical(plot(ours), ours)
    expect_identical(graphics::par("mar"), before)
  })
  for (text in c("(golden)", "(base R)", "(start)", "(x)", "(y)")) expect_match(page, text, fixed = TRUE)
  expect_no_match(drawn(plot(golden)), "(base R)", fixed = TRUE)
  expect_match(drawn(plot(golden, "loss")), "(loss before the step)", fixed = TRUE)
  expect_match(drawn(plot(ours, "ulps")), "(state/x/m)", fixed = TRUE)
  many <- reference_trajectory("adam/plain-iris-f32")
  expect_match(drawn(plot(many)), "(loss before the step)", fixed = TRUE)
  expect_match(drawn(plot(many, "params")), "(27 parameters)", fixed = TRUE)
  expect_match(drawn(plot(reference_trajectory("adam/plain-injected-f64"))), "(matrix[2,3])", fixed = TRUE)
  expect_match(drawn(plot(ours, main = "my own title")), "my own title", fixed = TRUE)
})

test_that("pictures of runs with NaN, infinities and empty tensors are drawn", {
  for (case in c("not_a_number-not_a_number-f64", "infinite-infinite-f64", "empty-empty-f64", "huge-huge-f32")) {
    ours <- reference_trajectory(paste0("adam/extreme_", case))
    ours$params[[1]][[3]][1] <- Inf
    for (what in c("params", "ulps")) expect_match(drawn(plot(ours, what)), "showpage")
  }
})

test_that("a picture that a case does not have is refused", {
  injected <- golden_trajectory("adam/plain-injected-f64")
  refused <- function(pattern, ...) expect_error(drawn(plot(...)), pattern, class = "crossoptim_value_error")
  refused("no path in a plane", injected, "path")
  refused("has no loss", injected, "loss")
  refused("expected path, loss, params or ulps", injected, "gradients")
})
