# Every golden trajectory that the package carries, evaluated in base R.

test_that("base R reproduces every golden trajectory bit for bit", {
  ids <- case_ids()
  expect_gt(length(ids), 1000)
  apart <- character()
  every <- as.integer(Sys.getenv("CROSSOPTIM_TEST_EVERY", "1"))
  for (id in ids[seq(1, length(ids), by = every)]) {
    case <- read_case(id)
    if (chooses_points(case)) next
    got <- reference_trajectory(case)
    for (part in c("params", "state", "gradients")) {
      # Bit for bit: zero and minus zero are two numbers.
      if (!identical(got[[part]], case$golden[[part]], num.eq = FALSE)) apart <- c(apart, paste(id, part))
    }
  }
  expect_identical(apart, character())
})

test_that("an optimizer that chooses where to evaluate has no equation to replay", {
  expect_error(
    reference_trajectory("lbfgs/curvature_kept-ravine-f64"), "chooses where to evaluate",
    class = "crossoptim_unsupported"
  )
})
