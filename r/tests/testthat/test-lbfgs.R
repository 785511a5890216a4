# Rosenbrock's function of a float64 tensor, by R torch's autograd; base R's twin below.
rosenbrock <- function(x) {
  (x[1] * (-1) + 1)$square() + (x[2] - x[1]$square())$square() * 100
}

valley <- function(..., start = c(-1.2, 1)) {
  skip_if_no_torch()
  x <- torch::torch_tensor(start, dtype = torch::torch_float64(), requires_grad = TRUE)
  optimizer <- optim_lbfgs(list(x), ...)
  closure <- function() {
    optimizer$zero_grad()
    loss <- rosenbrock(x)
    loss$backward()
    loss
  }
  list(x = x, optimizer = optimizer, step = function(times = 1) for (i in seq_len(times)) optimizer$step(closure))
}

values <- function(x) as.array(x$detach())

test_that("it asks as often as the goldens do, and Rosenbrock's valley is walked on their points", {
  skip_if_no_torch()
  ids <- grep("-f64$", golden_cases("lbfgs"), value = TRUE)
  expect_gt(length(grep("rosenbrock", ids)), 5)
  for (id in ids) {
    case <- read_case(id)
    run <- run_case(case, optim_lbfgs)
    asked <- function(evaluations) lapply(evaluations, function(seen) length(seen$loss))
    expect_identical(asked(run$evaluations), asked(case$golden$evaluations), info = id)
    if (case$problem == "rosenbrock") {
      apart <- abs(unlist(run$params) - unlist(case$golden$params))
      expect_true(all(apart < 1e-8), info = sprintf("%s: %.3g apart", id, max(apart)))
    }
  }
})

test_that("float32 stays float32", {
  skip_if_no_torch()
  case <- read_case("lbfgs/one_iteration-rosenbrock-f32")
  expect_identical(run_case(case, optim_lbfgs)$params, case$golden$params)
})

test_that("it finds the minimum that base R's L-BFGS-B finds", {
  run <- valley(line_search_fn = "strong_wolfe")
  run$step(4)
  value <- function(p) (1 - p[1])^2 + 100 * (p[2] - p[1]^2)^2
  slope <- function(p) c(-2 * (1 - p[1]) - 400 * p[1] * (p[2] - p[1]^2), 200 * (p[2] - p[1]^2))
  base <- optim(c(-1.2, 1), value, slope, method = "L-BFGS-B", control = list(factr = 10, pgtol = 1e-12, maxit = 1000))
  expect_true(all(abs(values(run$x) - base$par) < 1e-4))
  expect_lt(value(values(run$x)), 1e-8)
})

test_that("it is an optimizer of R torch, and returns the first loss", {
  run <- valley()
  expect_true(torch::is_optimizer(run$optimizer))
  loss <- run$optimizer$step(function() {
    run$optimizer$zero_grad()
    loss <- rosenbrock(run$x)
    loss$backward()
    loss
  })
  expect_identical(loss$item(), (1 + 1.2)^2 + 100 * (1 - 1.2^2)^2)
  plain <- valley()
  expect_identical(plain$optimizer$step(function() 0.5), 0.5)
})

test_that("a saved state is resumed to the bit, whatever the options were before", {
  for (search in list(NULL, "strong_wolfe")) {
    straight <- valley(lr = 0.5, max_iter = 4, line_search_fn = search)
    straight$step(2)
    saved <- straight$optimizer$state_dict()
    halfway <- values(straight$x)
    straight$step(3)
    resumed <- valley(lr = 0.1, max_eval = 3, line_search_fn = "strong_wolfe", start = halfway)
    resumed$optimizer$load_state_dict(saved)
    resumed$step(3)
    expect_identical(values(resumed$x), values(straight$x))
    fresh <- valley(lr = 0.5, max_iter = 4, line_search_fn = search, start = halfway)
    fresh$step(3)
    expect_false(identical(values(fresh$x), values(straight$x)))
  }
})

test_that("what it loads is a copy", {
  run <- valley(max_iter = 4)
  run$step()
  saved <- run$optimizer$state_dict()
  other <- valley(start = values(run$x))
  other$optimizer$load_state_dict(saved)
  torch::with_no_grad({
    saved$state[["1"]]$gradient$zero_()
    saved$state[["1"]]$steps[[1]]$zero_()
  })
  kept <- other$optimizer$state_dict()$state[["1"]]
  expect_true(all(values(kept$gradient) != 0))
  expect_true(all(values(kept$steps[[1]]) != 0))
})

test_that("a state of other parameters is refused before anything changes", {
  run <- valley(max_iter = 4)
  run$step()
  saved <- run$optimizer$state_dict()
  skipped <- saved
  skipped$state[["1"]]$steps <- skipped$state[["1"]]$steps[-1]
  other <- valley(start = c(1, 2, 3))
  expect_error(other$optimizer$load_state_dict(saved), "vectors of length 3", class = "crossoptim_value_error")
  expect_length(other$optimizer$state_dict()$state, 0)
  expect_identical(other$optimizer$param_groups[[1]]$max_iter, 20)
  expect_error(run$optimizer$load_state_dict(skipped), "do not fit", class = "crossoptim_value_error")
  expect_error(run$optimizer$load_state_dict("text"), class = "crossoptim_value_error")
})

test_that("a step that fails leaves parameters and state as they were", {
  run <- valley(max_iter = 4)
  run$step()
  before <- list(values(run$x), run$optimizer$state_dict()$state[["1"]]$iterations)
  calls <- 0
  expect_error(run$optimizer$step(function() {
    calls <<- calls + 1
    if (calls == 2) stop("out of data")
    run$optimizer$zero_grad()
    loss <- rosenbrock(run$x)
    loss$backward()
    loss
  }), "out of data")
  expect_identical(list(values(run$x), run$optimizer$state_dict()$state[["1"]]$iterations), before)
})

test_that("bad input is refused in one sentence", {
  run <- valley()
  refused <- function(code, message) expect_error(code, message, class = "crossoptim_value_error")
  y <- torch::torch_tensor(1, requires_grad = TRUE)
  refused(run$optimizer$step(), "step\\(\\) without a closure")
  refused(run$optimizer$step(function() c(1, 2)), "the closure returned a numeric \\(expected the loss, one number\\)")
  refused(run$optimizer$step(function() run$x * 2), "a torch_tensor of shape \\(2\\)")
  refused(run$optimizer$add_param_group(list(params = y)), "a second parameter group")
  refused(optim_lbfgs(list(list(params = y), list(params = run$x))), "a second parameter group")
  refused(optim_lbfgs(list(y, run$x)), "parameters are float on cpu, double on cpu")
  refused(optim_lbfgs(list(y), lr = -1), "lr = -1 is outside")
  refused(optim_lbfgs(list(y), max_iter = 1.5), "max_iter = 1.5 is not a whole number")
  refused(optim_lbfgs(list(y), line_search_fn = "armijo"), "line_search_fn = \"armijo\" is not known")
})
