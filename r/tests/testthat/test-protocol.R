test_that("whatever is wrong with a request, there is one answer that says so", {
  wrong <- list(
    "not json" = "not JSON",
    "[1, 2]" = "not a JSON object",
    "{}" = "unknown command 'none'",
    '{"command": "dance"}' = "unknown command 'dance'",
    '{"command": "describe"}' = "unknown implementation 'none'",
    '{"command": "describe", "implementation": "julia"}' = "unknown implementation 'julia'",
    '{"command": "describe", "protocol": 2, "implementation": "base-r"}' = "protocol 2 \\(this runner speaks 1\\)",
    '{"command": "run", "implementation": "base-r", "dtype": "float16", "settings": [{}]}' = "dtype 'float16'"
  )
  for (request in names(wrong)) {
    answer <- from_json(handle(request))
    expect_identical(answer$outcome, "error")
    expect_match(answer$message, wrong[[request]])
    expect_true(all(c("class", "traceback") %in% names(answer)))
  }
})

test_that("an error raised by R itself is answered with its class and message", {
  params <- list(list(name = 1))
  answer <- ask(command = "run", implementation = "base-r", dtype = "float64", steps = "x", params = params)
  expect_identical(answer$outcome, "error")
  expect_match(answer$class, "error", ignore.case = TRUE)
})

test_that("base R describes itself", {
  answer <- ask(command = "describe", implementation = "base-r")
  expect_identical(answer[1:3], list(outcome = "ok", protocol = 1L, implementation = "base-r"))
  expect_identical(answer$details$R, as.character(getRversion()))
})

test_that("base R replays injected gradients", {
  answer <- do.call(ask, descent())
  expect_identical(answer$outcome, "ok")
  wanted <- list(c(1 - 0.1, -2 - 0.1), c(1 - 0.1 - 0.1 * 0.5, -2 - 0.1 + 0.1 * 0.5))
  expect_identical(lapply(answer$trajectory$params$x, read_row), wanted)
  expect_identical(answer$trajectory$loss, list(NULL, NULL))
})

test_that("a gradient that is not zeroed is added to", {
  answer <- do.call(ask, descent(events = list(list(kind = "accumulate", step = 2L))))
  expect_identical(lapply(answer$trajectory$gradients$x, read_row), list(c(1, 1), c(1.5, 0.5)))
})

test_that("in lockstep each step starts from the golden values", {
  golden <- list(params = list(x = list(I(c(10, 10)), I(c(0, 0)))), state = list(x = wire_object(list())))
  answer <- do.call(ask, descent(mode = "lockstep", golden = golden))
  expect_identical(read_row(answer$trajectory$params$x[[2]]), c(10 - 0.1 * 0.5, 10 + 0.1 * 0.5))
})

test_that("a state variable out of force is kept, reported, and taken up again", {
  request <- momentum_comes_and_goes()
  trajectory <- do.call(ask, request)$trajectory
  expect_identical(lapply(trajectory$state$x$v, read_row), list(NULL, 1, 1, 1, 1.5))
  expect_identical(lapply(trajectory$params$x, read_row), list(-0.5, -1, -1.5, -1.5, -2.25))
})

test_that("in lockstep the state out of force is the golden one", {
  request <- momentum_comes_and_goes()
  request$mode <- "lockstep"
  request$golden <- list(
    params = list(x = rep(list(I(0)), 5)), state = list(x = list(v = c(list(NULL), rep(list(I(4)), 4))))
  )
  trajectory <- do.call(ask, request)$trajectory
  expect_identical(lapply(trajectory$state$x$v, read_row), list(NULL, 1, 4, 4, 3))
  expect_identical(lapply(trajectory$params$x, read_row), list(-0.5, -0.5, -0.5, 0, -1.5))
})

test_that("base R says that it has no automatic differentiation", {
  answer <- do.call(ask, descent(mode = "closed"))
  expect_identical(answer$outcome, "unsupported")
  expect_match(answer$reason, "replay and lockstep only")
})

test_that("serve() answers line by line and prints nothing else", {
  skip_if_not(nzchar(system.file(package = "crossoptim")), "crossoptim is not installed")
  requests <- withr::local_tempfile(lines = c(
    '{"command": "describe", "implementation": "base-r"}', "", "rubbish",
    '{"command": "stop"}', '{"command": "describe"}'
  ))
  rscript <- file.path(R.home("bin"), "Rscript")
  libraries <- paste(.libPaths(), collapse = .Platform$path.sep)
  out <- processx::run(
    rscript, c("--vanilla", "-e", "crossoptim::serve()"),
    stdin = requests, env = c("current", R_LIBS = libraries)
  )
  answers <- lapply(strsplit(trimws(out$stdout), "\n")[[1]], from_json)
  expect_identical(vapply(answers, function(a) a$outcome, ""), c("ok", "error"))
})
