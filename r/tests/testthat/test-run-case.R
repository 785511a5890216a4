test_that("R torch's optimizers walk beside the golden trajectory, in replay and with their own gradients", {
  skip_if_no_torch()
  for (mode in c("replay", "closed")) {
    for (optim in list(torch::optim_adam, torch::optim_ignite_adam)) {
      for (id in c("adam/amsgrad-ravine-f64", "adam/betas-ravine-f32")) {
        run <- run_case(id, optim, mode = mode)
        golden <- golden_trajectory(id)
        expect_identical(run$case, id)
        expect_identical(lengths(run$state$x), lengths(golden$state$x))
        apart <- trajectory_ulps(run, golden)
        # 1 - beta^t magnifies the last bit of the power function.
        expect_lt(max(unlist(apart[c("params/x", "state/x/m")])), 1e5, label = paste(id, run$by, mode))
        expect_identical(any(lengths(run$loss) > 0), mode == "closed")
      }
    }
  }
  closed <- unlist(run_case("sgd/plain-ravine-f64", torch::optim_sgd, mode = "closed")$loss)
  expect_equal(closed, unlist(golden_trajectory("sgd/plain-ravine-f64")$loss), tolerance = 1e-14)
})

test_that("groups, changes, resumed runs and missing gradients reach the optimizer", {
  skip_if_no_torch()
  for (case in c(
    "groups-injected-f64", "group-added-injected-f64", "second-group-set-injected-f64", "lr-drops-ravine-f64",
    "resume-injected-f64", "resume-group-added-injected-f64", "none-later-injected-f64", "frozen-injected-f64"
  )) {
    id <- paste0("adam/", case)
    run <- run_case(id, torch::optim_adam)
    golden <- golden_trajectory(id)
    expect_identical(lapply(run$gradients, lengths), lapply(golden$gradients, lengths), label = id)
    expect_lt(max(unlist(trajectory_ulps(run, golden)), na.rm = TRUE), 1e6, label = id)
  }
})

test_that("gradients that are not zeroed add up", {
  skip_if_no_torch()
  run <- run_case("adam/accumulate-ravine-f64", torch::optim_ignite_adam)
  expect_equal(run$gradients, golden_trajectory("adam/accumulate-ravine-f64")$gradients, tolerance = 1e-12)
  expect_false(identical(run$gradients$x[[8]], read_case("adam/accumulate-ravine-f64")$fresh$x[[8]]))
})

test_that("L-BFGS runs in closed loop, and its evaluations are kept", {
  skip_if_no_torch()
  id <- golden_cases("optim_lbfgs")[1]
  run <- run_case(id, torch::optim_lbfgs)
  expect_length(run$evaluations, run$steps)
  expect_identical(run$evaluations[[1]]$params$x[[1]], golden_trajectory(id)$evaluations[[1]]$params$x[[1]])
  expect_equal(run$evaluations, golden_trajectory(id)$evaluations, tolerance = 1e-8)
  expect_error(run_case(id, torch::optim_lbfgs, mode = "replay"), "cannot replay", class = "crossoptim_unsupported")
})

test_that("an optimizer of one's own runs with PyTorch's names, or with a binding", {
  skip_if_no_torch()
  descent <- torch::optimizer(
    "optim_descent",
    initialize = function(params, rate) super$initialize(params, list(rate = rate)),
    step = function(closure = NULL) {
      torch::with_no_grad(for (group in self$param_groups) {
        for (p in group$params) if (is_tensor(p$grad)) p$sub_(p$grad * group$rate)
      })
    }
  )
  id <- "sgd/plain-isotropic-f32"
  binding <- optimizer_binding("sgd", args = list(rate = "lr"))
  run <- run_case(id, descent, binding = binding)
  expect_identical(run$by, "optim_descent")
  expect_identical(run$params, golden_trajectory(id)$params)
  named <- function(params, lr, momentum = 0) torch::optim_sgd(params, lr, momentum)
  id <- "sgd/momentum-ravine-f64"
  expect_identical(run_case(id, named)$params, run_case(id, torch::optim_sgd)$params)
  dots <- function(params, ...) torch::optim_adam(params, ..., weight_decay = 0)
  expect_error(run_case("adam/plain-ravine-f64", dots), "matched by multiple", class = "crossoptim_torch_error")
})

test_that("this package's own optimizers follow the golden trajectories bit for bit", {
  skip_if_no_torch()
  expect_true("optim_nadam" %in% golden_optimizers("crossoptim"))
  expect_identical(golden_cases("optim_nadam"), golden_cases("nadam"))
  run <- run_case("nadam/plain-ravine-f64", optim_nadam)
  expect_identical(run$by, "optim_nadam")
  expect_identical(run$params, golden_trajectory("nadam/plain-ravine-f64")$params)
})

test_that("what an optimizer lacks is unsupported, by name, before it runs", {
  skip_if_no_torch()
  lacks <- function(id, optim, pattern, ...) {
    expect_error(run_case(id, optim, ...), pattern, class = "crossoptim_unsupported", fixed = TRUE)
  }
  lacks("adam/maximize-ravine-f64", torch::optim_adam, "optim_adam has no argument for maximize")
  lacks("lion/plain-ravine-f64", torch::optim_adam, "optim_adam implements adam (the case is one of lion)")
  lacks("adamw/plain-ravine-f64", torch::optim_adam, "does not implement adam with decay = decoupled")
  lacks("adam/plain-injected-f64", torch::optim_adam, "a table of gradients without an objective", mode = "closed")
  narrow <- optimizer_binding("sgd", args = list(lr = "lr"), bounds = list(lr = "[1, inf)"), name = "mine")
  lacks("sgd/plain-ravine-f64", torch::optim_sgd, "is outside [1, inf)", binding = narrow)
})

test_that("bad arguments are refused, and the session's settings come back", {
  skip_if_no_torch()
  bad <- function(pattern, ...) expect_error(run_case(...), pattern, class = "crossoptim_value_error", fixed = TRUE)
  bad("expected \"replay\" or \"closed\"", "adam/plain-ravine-f64", torch::optim_adam, mode = "open")
  bad("optim is a character (expected an optimizer's constructor", "adam/plain-ravine-f64", "optim_adam")
  expect_error(
    optimizer_binding("sgd", args = list(rate = "speed")), "there is no 'speed' (expected one of lr,",
    class = "crossoptim_value_error", fixed = TRUE
  )
  expect_error(optimizer_binding("sgd", state = list(m = "x")), "state of sgd", class = "crossoptim_value_error")
  before <- torch::torch_get_default_dtype()
  withr::defer(torch::torch_set_default_dtype(before))
  torch::torch_set_default_dtype(torch::torch_float64())
  run_case("sgd/plain-ravine-f32", torch::optim_sgd)
  expect_true(torch::torch_get_default_dtype() == torch::torch_float64())
})

test_that("an error of the optimizer names the step", {
  skip_if_no_torch()
  fails <- torch::optimizer(
    "optim_fails",
    initialize = function(params, lr) super$initialize(params, list(lr = lr)),
    step = function(closure = NULL) stop("no more")
  )
  expect_error(run_case("sgd/plain-ravine-f64", fails), "step 1, step: no more", class = "crossoptim_torch_error")
})
