run_torch_case <- function(name, arguments, state = list(), events = list(), dtype = "float64", steps = 3L, ...) {
  ask(
    command = "run", implementation = "r-torch", case = "test", mode = "replay", dtype = dtype, steps = steps,
    params = list(
      list(name = "w", shape = list(2L, 3L), data = I(c(1, 2, 3, 4, 5, 6))),
      list(name = "b", shape = list(), data = I(-1))
    ),
    optimizer = list(
      name = name, groups = list(list(params = list("w", "b"), arguments = arguments)), state = wire_object(state)
    ),
    events = events,
    gradients = list(w = rep(list(I(c(1, 0, 0, 0, 0, -1))), steps), b = rep(list(I(0.5)), steps)),
    ...
  )
}

rows <- function(answer, part, name) lapply(answer$trajectory[[part]][[name]], read_row)

test_that("R torch describes itself, with one thread and float32 by default", {
  skip_if_no_torch()
  answer <- ask(command = "describe", implementation = "r-torch")
  expect_identical(answer$version, as.character(packageVersion("torch")))
  expect_identical(answer$details[c("default_dtype", "threads")], list(default_dtype = "float32", threads = 1L))
})

test_that("tensors travel in row-major order", {
  skip_if_no_torch()
  for (class in c("optim_sgd", "optim_ignite_sgd")) {
    answer <- run_torch_case(class, list(lr = 0.5))
    expect_identical(rows(answer, "params", "w"), list(c(0.5, 2:5, 6.5), c(0, 2:5, 7), c(-0.5, 2:5, 7.5)))
    expect_identical(rows(answer, "params", "b"), list(-1.25, -1.5, -1.75))
  }
})

test_that("an optimizer is made without a step, or refuses invalid arguments as they are", {
  skip_if_no_torch()
  made <- run_torch_case("optim_adam", list(lr = "Inf", betas = list(0.9, 1)), steps = 0L)
  expect_identical(made$outcome, "ok")
  expect_length(made$trajectory$params$w, 0)
  refused <- list(
    "Invalid beta parameter at index 1" = list(betas = list("text", 0.999)),
    "missing value where TRUE/FALSE needed" = list(eps = "NaN"),
    "Invalid learning rate: -1" = list(lr = -1)
  )
  for (message in names(refused)) {
    answer <- run_torch_case("optim_adam", refused[[message]], steps = 0L)
    expect_identical(answer$outcome, "error")
    expect_match(answer$message, paste0("constructing: ", message), fixed = TRUE)
  }
  nothing <- ask(
    command = "run", implementation = "r-torch", case = "test", mode = "replay", dtype = "float32", steps = 0L,
    params = list(list(name = "w", shape = list(1L), data = I(1))),
    optimizer = list(name = "optim_adam", groups = list(), state = wire_object(list())), events = list(),
    gradients = list(w = list())
  )
  expect_match(nothing$message, "subscript out of bounds")
})

test_that("a missing gradient leaves the parameter alone", {
  skip_if_no_torch()
  events <- list(list(kind = "none", step = 2L, params = list("b")), list(kind = "frozen", params = list("w")))
  for (class in c("optim_sgd", "optim_ignite_sgd")) {
    answer <- run_torch_case(class, list(lr = 0.5, momentum = 0.5), list(velocity = "momentum_buffer"), events)
    expect_identical(rows(answer, "gradients", "w"), list(NULL, NULL, NULL))
    expect_identical(rows(answer, "params", "w"), rep(list(as.double(1:6)), 3))
    expect_identical(answer$trajectory$gradients$b[[2]], NULL)
    expect_identical(rows(answer, "params", "b")[[1]], rows(answer, "params", "b")[[2]])
    expect_identical(answer$trajectory$state$w$velocity, list(NULL, NULL, NULL))
  }
})

test_that("a parameter that takes no part in a loss keeps what zero_grad() left", {
  skip_if_no_torch()
  events <- list(list(kind = "unused", step = 2L, params = list("b")))
  left <- list(optim_sgd = 0, optim_ignite_sgd = NULL)
  for (class in names(left)) {
    answer <- run_torch_case(class, list(lr = 0.5, momentum = 0.5), list(velocity = "momentum_buffer"), events)
    expect_identical(rows(answer, "gradients", "b")[[2]], left[[class]])
    moved <- !identical(rows(answer, "params", "b")[[1]], rows(answer, "params", "b")[[2]])
    expect_identical(moved, !is.null(left[[class]]))
  }
})

test_that("a resumed run goes on as if nothing had happened", {
  skip_if_no_torch()
  state <- list(m = "exp_avg", v = "exp_avg_sq")
  for (class in c("optim_adam", "optim_ignite_adam")) {
    straight <- run_torch_case(class, list(lr = 0.1), state)
    resumed <- run_torch_case(class, list(lr = 0.1), state, list(list(kind = "resume", step = 2L)))
    expect_identical(resumed$trajectory, straight$trajectory)
  }
})

test_that("an option is changed and a group is added in the middle of a run", {
  skip_if_no_torch()
  for (class in c("optim_sgd", "optim_ignite_sgd")) {
    request <- list(
      command = "run", implementation = "r-torch", mode = "replay", dtype = "float64", steps = 2L,
      params = list(list(name = "a", shape = list(1L), data = I(0)), list(name = "b", shape = list(1L), data = I(0))),
      optimizer = list(
        name = class, groups = list(list(params = list("a"), arguments = list(lr = 1))), state = wire_object(list())
      ),
      events = list(
        list(kind = "set", step = 2L, group = 0L, arguments = list(lr = 0.5)),
        list(kind = "add_group", step = 2L, params = list("b"), arguments = list(lr = 0.25))
      ),
      gradients = list(a = list(I(1), I(1)), b = list(NULL, I(1)))
    )
    answer <- do.call(ask, request)
    expect_identical(rows(answer, "params", "a"), list(-1, -1.5))
    expect_identical(rows(answer, "params", "b"), list(0, -0.25))
  }
})

test_that("an objective's literals are exact in float64", {
  skip_if_no_torch()
  answer <- ask(
    command = "run", implementation = "r-torch", mode = "closed", dtype = "float64", steps = 1L,
    params = list(list(name = "x", shape = list(), data = I(1))),
    optimizer = list(
      name = "optim_sgd", groups = list(list(params = list("x"), arguments = list(lr = 1))), state = wire_object(list())
    ),
    events = list(),
    objective = list(statements = list(list("loss", "0.10000000000000001 * x")), data = wire_object(list()))
  )
  expect_identical(rows(answer, "gradients", "x"), list(0.1))
  expect_identical(answer$trajectory$loss, list(0.1))
})

test_that("what torch raises is answered with the step and the event", {
  skip_if_no_torch()
  answer <- run_torch_case("optim_sgd", list(lr = -1))
  expect_identical(answer$outcome, "error")
  expect_match(answer$message, "^constructing: Invalid learning rate: -1")
  answer <- run_torch_case("optim_adam", list(lr = 0.1), events = list(
    list(kind = "set", step = 2L, group = 0L, arguments = list(amsgrad = TRUE))
  ))
  expect_match(answer$message, "^step 2, step: ")
})

test_that("what R torch lacks is unsupported, not an error", {
  skip_if_no_torch()
  answer <- run_torch_case("optim_sgd", list(lr = 0.1, maximize = TRUE))
  expect_identical(answer, list(outcome = "unsupported", reason = "optim_sgd has no argument maximize"))
  expect_identical(run_torch_case("optim_lion", list(lr = 0.1))$outcome, "unsupported")
})
