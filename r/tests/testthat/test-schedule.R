run_schedule <- function(name, arguments, steps = 3L, lrs = list(0.5), events = list(), optimizer = "optim_sgd", ...) {
  momentum <- if (optimizer == "optim_sgd") list(momentum = 0.9) else list(betas = list(0.9, 0.999))
  ask(
    command = "schedule", implementation = "r-torch", case = "test",
    optimizer = list(name = optimizer, arguments = momentum), lrs = lrs,
    schedule = list(name = name, arguments = wire_object(arguments)), steps = steps, events = events, ...
  )
}

rates <- function(answer, column = "lr") vapply(answer$rates[[column]], read_row, 0)

test_that("a schedule's rates are read before the first step and after each", {
  skip_if_no_torch()
  answer <- run_schedule("lr_step", list(step_size = 2L, gamma = 0.5), steps = 4L)
  expect_identical(rates(answer), c(0.5, 0.5, 0.25, 0.25, 0.125))
  expect_identical(rates(answer, "momentum"), rep(0.9, 5))
})

test_that("a formula is a function of the step, and a list has one for each group", {
  skip_if_no_torch()
  formulas <- list(list(formula = "0.5 ** t"), list(formula = "where(t < 2, 1, sqrt(4))"))
  answer <- run_schedule("lr_lambda", list(lr_lambda = formulas), lrs = list(1, 8))
  expect_identical(lapply(answer$rates$lr, read_row), list(c(1, 8), c(0.5, 8), c(0.25, 16), c(0.125, 16)))
})

test_that("a resumed schedule goes on, and a rate that is set is found", {
  skip_if_no_torch()
  resume <- list(list(kind = "resume", step = 2L))
  arguments <- list(lr_lambda = list(formula = "0.5"))
  expect_identical(rates(run_schedule("lr_multiplicative", arguments, events = resume)), c(0.5, 0.25, 0.125, 0.0625))
  set <- list(list(kind = "set", step = 2L, group = 0L, lr = 8))
  expect_identical(rates(run_schedule("lr_multiplicative", arguments, events = set)), c(0.5, 0.25, 4, 2))
})

test_that("metrics reach the plateau schedule, NaN among them", {
  skip_if_no_torch()
  plateau <- function(metrics) {
    run_schedule("lr_reduce_on_plateau", list(factor = 0.5, patience = 0L), steps = length(metrics), metrics = metrics)
  }
  expect_identical(rates(plateau(list(1, 1, 1))), c(0.5, 0.5, 0.25, 0.125))
  expect_match(plateau(list(1, "NaN"))$message, "^step 2: ")
})

test_that("beta1 stands for the momentum of Adam", {
  skip_if_no_torch()
  answer <- run_schedule("lr_one_cycle", list(max_lr = 1, total_steps = 9L), optimizer = "optim_adam")
  expect_identical(rates(answer, "momentum")[1], 0.95)
})

test_that("what is missing is unsupported, by name", {
  skip_if_no_torch()
  expect_match(run_schedule("lr_stairs", list())$reason, "has no lr_stairs")
  expect_identical(run_schedule("lr_step", list(stairs = 1))$reason, "lr_step has no argument stairs")
  expect_identical(ask(command = "schedule", implementation = "base-r")$reason, "base-r has no schedules")
})
