test_that("every optimizer of the specification has cases, and every case is read", {
  spec <- specification()
  expect_setequal(golden_optimizers(), c(names(spec$rules), names(presets_of(spec$rules))))
  expect_identical(sort(unlist(lapply(golden_optimizers(), golden_cases))), sort(case_ids()))
})

test_that("a class has the cases that it can run", {
  expect_true("optim_adam" %in% golden_optimizers("r-torch"))
  expect_true("optim_ignite_adam" %in% golden_optimizers("r-torch-ignite"))
  adam <- golden_cases("optim_adam")
  expect_true("adam/amsgrad-ravine-f64" %in% adam)
  # R torch's Adam has no maximize, decays as it was first published, and has eps where its authors put it.
  left_out <- c("adam/maximize-ravine-f64", "adamw/plain-ravine-f64", "adam/eps_inside-ravine-f64")
  expect_true(all(left_out %in% case_ids()))
  expect_false(any(left_out %in% adam))
  expect_true("adamw/plain-ravine-f64" %in% golden_cases("optim_adamw"))
  expect_true("lbfgs/curvature_kept-ravine-f64" %in% golden_cases("optim_lbfgs"))
})

test_that("a case says what it is, and what is done in it", {
  case <- read_case("adam/amsgrad-ravine-f64")
  expect_s3_class(case, "golden_case")
  expect_identical(case$hyper, list(lr = 0.1, amsgrad = TRUE, beta2 = 0.9))
  expect_identical(case$initial$x, list(shape = 2L, dtype = "float64", data = list(c(-5, -2))))
  # The square root of one minus 0.9 squared.
  expect_equal(case$scalars$x[[2]]$root_bias2, sqrt(0.19), tolerance = 1e-15)
  expect_identical(read_case(case), case)
  expect_output(print(case), "the largest second moment is kept.*amsgrad = TRUE.*30 steps in float64.*flag +Amsgrad: ")
  expect_output(print(read_case("adam/group-added-injected-f64")), "event +step [0-9]+: .* joins as a new group")
  expect_output(print(read_case("adam/groups-injected-f64")), "group +[a-z, ]+: lr = ")
  expect_output(print(read_case("adam/none-later-injected-f64")), "step [0-9]+: .* has no gradient")
  expect_output(print(read_case("adam/lr-drops-ravine-f64")), "step [0-9]+: before it, group 1 takes lr = ")
})

test_that("numbers that JSON has no word for are read", {
  values <- unlist(read_case("adam/extreme_not_a_number-not_a_number-f64")$golden$gradients)
  expect_true(any(is.nan(values)))
  values <- unlist(read_case("adam/extreme_infinite-infinite-f64")$golden$gradients)
  expect_true(all(c(Inf, -Inf) %in% values))
})

test_that("what has no case is refused, with names that are near", {
  refused <- function(code, pattern, class) expect_error(code, pattern, class = class, fixed = TRUE)
  near <- "did you mean 'adam/amsgrad-ravine-f32', 'adam/amsgrad-ravine-f64'"
  refused(read_case("adam/amsgrad-ravine"), near, "crossoptim_unknown_case")
  refused(read_case("no such thing"), "expected an id of golden_cases()", "crossoptim_unknown_case")
  refused(read_case(3), "there is no golden case 3", "crossoptim_unknown_case")
  refused(read_case(c("a", "b")), "there is no golden case", "crossoptim_unknown_case")
  refused(golden_cases("adm"), "did you mean 'adam'", "crossoptim_unknown_optimizer")
  refused(golden_cases("optim_admw"), "'optim_adamw'", "crossoptim_unknown_optimizer")
  refused(golden_optimizers("rtorch"), "did you mean 'r-torch'", "crossoptim_value_error")
})
