# The bias correction 1 - 0.999^t magnifies the last bit of the power function, in which R, Python and C may differ.
ulps <- 32

test_that("the Python Adam and the specification in base R walk together", {
  python <- skip_if_no_python_crossoptim()
  spec <- specification(python, "adam", lr = 0.1, weight_decay = 0.01)
  opt <- python_optimizer("adam", list(w = matrix(1:6 / 4, 2)), lr = 0.1, weight_decay = 0.01)
  withr::defer(opt$close())
  p <- opt$params$w
  state <- list(m = p * 0, v = p * 0)
  for (t in 1:30) {
    gradient <- 2 * opt$params$w - 1
    values <- c(list(p = p, g = gradient), state, spec$hyper, reference_scalars(spec$equation, spec$hyper, t))
    state <- reference_step(spec$equation, values)
    p <- state$p
    state$p <- NULL
    opt$step(list(w = gradient))
    expect_within_ulps(opt$params$w, p, ulps, step = 0.1)
    p <- opt$params$w
    state <- opt$state_dict()$state$w
  }
  expect_identical(opt$state_dict()$count, c(w = 30L))
})

test_that("a saved state goes on in another process", {
  skip_if_no_python_crossoptim()
  first <- python_optimizer("adam", list(x = c(2, -1)), lr = 0.1)
  withr::defer(first$close())
  for (t in 1:5) first$step(list(x = first$params$x))
  second <- python_optimizer("adam", list(x = c(0, 0)), lr = 0.1)
  withr::defer(second$close())
  second$load_state_dict(first$state_dict())
  expect_identical(second$params, first$params)
  expect_identical(second$step(list(x = c(1, 1))), first$step(list(x = c(1, 1))))
})

test_that("a parameter without a gradient stays, and rows keep their shapes", {
  skip_if_no_python_crossoptim()
  start <- list(a = array(1:24 / 8, c(2, 3, 4)), b = c(1, 2))
  opt <- python_optimizer("sgd", start, lr = 1)
  withr::defer(opt$close())
  opt$step(list(a = start$a / 2))
  expect_identical(opt$params, list(a = start$a / 2, b = c(1, 2)))
})

test_that("what Python refuses is an R condition with Python's message", {
  skip_if_no_python_crossoptim()
  expect_error(python_optimizer("adm", list(x = 1)), "adm", class = "crossoptim_remote_error")
  expect_error(python_optimizer("adam", list(x = 1), lr = -1), "lr", class = "crossoptim_remote_error")
  opt <- python_optimizer("sgd", list(x = 1))
  withr::defer(opt$close())
  expect_error(opt$step(list(y = 1)), "no parameter y", class = "crossoptim_value_error")
  expect_error(opt$step(list(x = c(1, 2))), "shape \\(2\\)", class = "crossoptim_value_error")
  opt$step(list(x = 1))
  opt$close()
  expect_error(opt$step(list(x = 1)), "closed", class = "crossoptim_value_error")
})

test_that("R torch's Adam and the Python one walk together under R torch's autograd", {
  skip_if_no_torch()
  skip_if_no_python_crossoptim()
  start <- matrix(c(0.5, -1, 2, 1.5, 0.25, -0.75), 2)
  tensor <- function() torch::torch_tensor(start, dtype = torch::torch_float64())$requires_grad_(TRUE)
  theirs <- tensor()
  ours <- tensor()
  torch_adam <- torch::optim_adam(list(theirs), lr = 0.1)
  python_adam <- python_optimizer("adam", list(w = ours), lr = 0.1)
  withr::defer(python_adam$close())
  loss <- function(w) (w * w * w * w - w * 3)$sum()
  for (t in 1:30) {
    torch_adam$zero_grad()
    loss(theirs)$backward()
    python_adam$zero_grad()
    loss(ours)$backward()
    torch_adam$step()
    python_adam$step()
    expect_within_ulps(as.array(ours$detach()), as.array(theirs$detach()), ulps, step = 0.1)
    # One step is compared at a time: the next one starts from the same place.
    kept <- torch_adam$state_dict()$state[["1"]]
    python_adam$load_state_dict(list(
      count = c(w = t), params = list(w = theirs), state = list(w = list(m = kept$exp_avg, v = kept$exp_avg_sq))
    ))
  }
})

test_that("Python is looked for where it was named, then in virtual environments, then on the PATH", {
  on_path <- withr::local_tempdir()
  active <- withr::local_tempdir()
  around <- withr::local_tempdir()
  named <- fake_python("exit 0")
  place <- function(path) {
    dir.create(dirname(path), recursive = TRUE, showWarnings = FALSE)
    file.copy(named, path)
    path
  }
  package <- file.path(around, "lib", "R", "library", "crossoptim")
  withr::local_path(on_path)
  withr::local_envvar(CROSSOPTIM_PYTHON = NA, VIRTUAL_ENV = active)
  withr::local_options(crossoptim.python = NULL)

  path_python <- place(file.path(on_path, "python3"))
  expect_identical(find_python(NULL, package), path_python)
  own_python <- place(file.path(around, "bin", "python"))
  expect_identical(find_python(NULL, package), path_python, info = "a folder without pyvenv.cfg")
  file.create(file.path(around, "pyvenv.cfg"))
  expect_identical(find_python(NULL, package), own_python)
  active_python <- place(file.path(active, "bin", "python3"))
  expect_identical(find_python(NULL, package), active_python)
  active_python <- place(file.path(active, "bin", "python"))
  expect_identical(find_python(NULL, package), active_python)
  withr::local_envvar(CROSSOPTIM_PYTHON = own_python)
  expect_identical(find_python(NULL, package), own_python)
  withr::local_options(crossoptim.python = path_python)
  expect_identical(find_python(NULL, package), path_python)
  expect_identical(find_python(named, package), named)
})

test_that("a missing Python is named", {
  expect_error(
    python_optimizer("adam", list(x = 1), python = "no-such-python"), "no-such-python",
    class = "crossoptim_python_error"
  )
})

test_that("a Python without crossoptim is told apart from a crash", {
  python <- fake_python("echo 'No module named crossoptim' >&2; exit 1")
  expect_error(
    python_optimizer("adam", list(x = 1), python = python), "has no crossoptim",
    class = "crossoptim_python_error"
  )
  python <- fake_python("echo 'out of memory' >&2; exit 3")
  expect_error(
    python_optimizer("adam", list(x = 1), python = python), "exit status 3.*out of memory",
    class = "crossoptim_child_error"
  )
})

test_that("a child that hangs is ended", {
  python <- fake_python("exec sleep 60")
  expect_error(
    python_optimizer("adam", list(x = 1), python = python, timeout = 0.5), "no answer in 0.5 s",
    class = "crossoptim_timeout_error"
  )
})

test_that("a child that dies in the middle is reported", {
  python <- fake_python(c("read line", "echo '{\"outcome\": \"ok\", \"session\": 1}'", "read line", "exit 9"))
  opt <- python_optimizer("adam", list(x = 1), python = python)
  expect_error(opt$step(list(x = 1)), "exit status 9", class = "crossoptim_child_error")
  expect_error(opt$step(list(x = 1)), class = "crossoptim_child_error")
  opt$close()
})

test_that("a child that talks nonsense is reported", {
  python <- fake_python(c("read line", "echo hello"))
  expect_error(python_optimizer("adam", list(x = 1), python = python), "hello", class = "crossoptim_child_error")
})
