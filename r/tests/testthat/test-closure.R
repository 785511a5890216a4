run_lbfgs <- function(arguments = list(lr = 0.5, max_iter = 3L), mode = "closed", events = list(), steps = 2L) {
  ask(
    command = "run", implementation = "r-torch", case = "test", mode = mode, dtype = "float64", steps = steps,
    params = list(
      list(name = "x", shape = list(2L), data = I(c(1, -2))),
      list(name = "y", shape = list(), data = I(3))
    ),
    optimizer = list(
      name = "optim_lbfgs", groups = list(list(params = list("x", "y"), arguments = arguments)),
      state = wire_object(list()), closure = TRUE
    ),
    events = events,
    objective = list(statements = list(list("loss", "sum(x * x) + y * y")), data = wire_object(list()))
  )
}

test_that("every evaluation of an optimizer that chooses its points is recorded", {
  skip_if_no_torch()
  answer <- run_lbfgs()
  expect_identical(answer$outcome, "ok")
  seen <- answer$trajectory$evaluations
  expect_length(seen, 2)
  expect_length(seen[[1]]$loss, 3)
  expect_identical(seen[[1]]$loss[[1]], 14)
  expect_identical(lapply(seen[[1]]$params$x, read_row)[[1]], c(1, -2))
  expect_identical(lapply(seen[[1]]$gradients$y, read_row)[[1]], 6)
  # What step() returns, and the gradients of the first evaluation.
  expect_identical(answer$trajectory$loss[[2]], seen[[2]]$loss[[1]])
  expect_identical(read_row(answer$trajectory$gradients$x[[2]]), read_row(seen[[2]]$gradients$x[[1]]))
})

test_that("a parameter has no gradient in any evaluation of a step without one", {
  skip_if_no_torch()
  answer <- run_lbfgs(events = list(list(kind = "none", step = 2L, params = list("y"))))
  gradients <- lapply(answer$trajectory$evaluations, function(seen) seen$gradients$y)
  expect_false(any(vapply(gradients[[1]], is.null, NA)))
  expect_true(all(vapply(gradients[[2]], is.null, NA)))
})

test_that("injected gradients are of no use to it", {
  skip_if_no_torch()
  answer <- run_lbfgs(mode = "replay")
  expect_identical(answer$outcome, "unsupported")
  expect_match(answer$reason, "chooses where to evaluate cannot replay gradients")
})
