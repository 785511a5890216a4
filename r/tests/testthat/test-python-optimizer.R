# The bias correction 1 - 0.999^t magnifies the last bit of the power function, in which R, Python and C may differ.
ulps <- 32

test_that("the Python Adam and the specification in base R walk together", {
  python <- skip_if_no_python_crossoptim()
  spec <- python_specification(python, "adam", lr = 0.1, weight_decay = 0.01)
  opt <- python_optimizer("adam", list(w = matrix(1:6 / 4, 2)), lr = 0.1, weight_decay = 0.01, python = shared_python())
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
  first <- python_optimizer("adam", list(x = c(2, -1)), lr = 0.1, python = skip_if_no_python_crossoptim())
  withr::defer(first$close())
  for (t in 1:5) first$step(list(x = first$params$x))
  second <- python_optimizer("adam", list(x = c(0, 0)), lr = 0.1, python = shared_python())
  second$load_state_dict(first$state_dict())
  expect_identical(second$params, first$params)
  expect_identical(second$step(list(x = c(1, 1))), first$step(list(x = c(1, 1))))
})

test_that("a parameter without a gradient stays, and rows keep their shapes", {
  start <- list(a = array(1:24 / 8, c(2, 3, 4)), b = c(1, 2))
  opt <- python_optimizer("sgd", start, lr = 1, python = shared_python())
  opt$step(list(a = start$a / 2))
  expect_identical(opt$params, list(a = start$a / 2, b = c(1, 2)))
})

test_that("what Python refuses is an R condition with Python's message", {
  session <- shared_python()
  expect_error(python_optimizer("adm", list(x = 1), python = session), "adm", class = "crossoptim_remote_error")
  expect_error(
    python_optimizer("adam", list(x = 1), lr = -1, python = session), "lr", class = "crossoptim_remote_error"
  )
  opt <- python_optimizer("sgd", list(x = 1), python = session)
  expect_error(opt$step(list(y = 1)), "no parameter y", class = "crossoptim_value_error")
  expect_error(opt$step(list(x = c(1, 2))), "shape \\(2\\)", class = "crossoptim_value_error")
  opt$step(list(x = 1))
  opt$close()
  expect_error(opt$step(list(x = 1)), "closed", class = "crossoptim_value_error")
})

test_that("R torch's Adam and the Python one walk together under R torch's autograd", {
  skip_if_no_torch()
  shared_python()
  start <- matrix(c(0.5, -1, 2, 1.5, 0.25, -0.75), 2)
  tensor <- function() torch::torch_tensor(start, dtype = torch::torch_float64())$requires_grad_(TRUE)
  theirs <- tensor()
  ours <- tensor()
  torch_adam <- torch::optim_adam(list(theirs), lr = 0.1)
  python_adam <- python_optimizer("adam", list(w = ours), lr = 0.1, python = shared_python())
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

test_that("a folder that is called crossoptim is not taken for the Python package", {
  skip_on_os("windows")
  python <- skip_if_no_python_crossoptim()
  withr::local_dir(withr::local_tempdir())
  dir.create("crossoptim")
  withr::local_envvar(PYTHONPATH = NA)
  bare <- fake_python(sprintf('exec %s -S "$@"', shQuote(python))) # without what is installed for it
  expect_identical(processx::run(bare, c("-c", "import crossoptim"))$status, 0L)
  expect_false(python_available(bare))
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


# What a Python answers that opens an optimizer and then does as `lines` say.
opens <- function(lines, fields = "\"protocol\": 1, \"groups\": [], \"shapes\": {}", env = parent.frame()) {
  fake_python(
    c("read line", sprintf("echo '{\"outcome\": \"ok\", \"session\": 1, %s}'", fields), lines),
    env = env
  )
}

expect_gone <- function(object, pid) {
  testthat::expect_false(is_there(pid))
  testthat::expect_error(object$step(list(x = 1)), "the Python process is gone", class = "crossoptim_child_error")
  testthat::expect_error(object$state_dict(), "the Python process is gone", class = "crossoptim_child_error")
  testthat::expect_identical(object$params, list(x = 1))
  object$close()
}

test_that("a child that hangs is ended", {
  python <- fake_python("exec sleep 60")
  expect_error(
    python_optimizer("adam", list(x = 1), python = python, timeout = 0.5), "no answer in 0.5 s",
    class = "crossoptim_timeout_error"
  )
  opt <- python_optimizer("adam", list(x = 1), python = opens("exec sleep 60"), timeout = 0.5)
  pid <- opt$pid
  expect_true(is_there(pid))
  expect_error(opt$step(list(x = 1)), "no answer in 0.5 s", class = "crossoptim_timeout_error")
  expect_gone(opt, pid)
})

test_that("a child that does not read is ended, too", {
  opt <- python_optimizer("adam", list(x = 1), python = opens("exec sleep 60"), timeout = 0.5)
  expect_error(opt$add_param_group(list(params = list(y = runif(1e5)))), class = "crossoptim_timeout_error")
  expect_error(opt$state_dict(), "is gone", class = "crossoptim_child_error")
})

test_that("a child that dies in the middle is reported", {
  opt <- python_optimizer("adam", list(x = 1), python = opens(c("read line", "echo oh >&2", "exit 9")))
  pid <- opt$pid
  expect_error(opt$step(list(x = 1)), "exit status 9\\): oh", class = "crossoptim_child_error")
  expect_gone(opt, pid)
})

test_that("a child that is killed is reported", {
  opt <- python_optimizer("adam", list(x = 1), python = opens("exec sleep 60"))
  pid <- opt$pid
  tools::pskill(pid, tools::SIGKILL)
  expect_error(opt$step(list(x = 1)), "ended without an answer", class = "crossoptim_child_error")
  expect_gone(opt, pid)
})

test_that("a child that talks nonsense is ended", {
  python <- fake_python(c("read line", "echo hello", "exec sleep 60"))
  expect_error(python_optimizer("adam", list(x = 1), python = python), "hello", class = "crossoptim_child_error")
  nonsense <- c(
    "hello", "5", "[]", "{}", "{\"outcome\": \"maybe\"}", "{\"outcome\": \"ok\"}",
    "{\"outcome\": \"ok\", \"params\": {\"x\": [1, 2]}}", "{\"outcome\": \"ok\", \"params\": {\"y\": [1]}}"
  )
  for (said in nonsense) {
    python <- opens(c("read line", sprintf("echo '%s'", said), "exec sleep 60"))
    opt <- python_optimizer("adam", list(x = 1), python = python)
    pid <- opt$pid
    expect_error(opt$step(list(x = 1)), "it was ended", class = "crossoptim_child_error", info = said)
    expect_gone(opt, pid)
  }
  opt <- python_optimizer("adam", list(x = 1), python = opens(c("echo unasked", "read line", "exec sleep 60")))
  pid <- opt$pid
  Sys.sleep(0.2)
  expect_error(opt$step(list(x = 1)), "spoke unasked: unasked", class = "crossoptim_child_error")
  expect_gone(opt, pid)
})

test_that("another version of the protocol is told, on whichever side it is", {
  for (fields in c("\"protocol\": 2", "\"older\": true")) {
    python <- opens("exec sleep 60", fields)
    expect_error(
      python_optimizer("adam", list(x = 1), python = python), "speaks another protocol.* this package 1",
      class = "crossoptim_protocol_error"
    )
  }
  session <- shared_python()
  expect_error(
    session$ask(list(command = "open", protocol = 2L)), "speaks protocol 1, the request protocol 2",
    class = "crossoptim_protocol_error"
  )
})

test_that("an interrupted question ends the child, whose answer would be taken for the next one", {
  opt <- python_optimizer("adam", list(x = 1), python = opens("exec sleep 60"))
  pid <- opt$pid
  expect_error({
    setTimeLimit(elapsed = 0.3, transient = TRUE)
    opt$step(list(x = 1))
  }, "time limit")
  setTimeLimit()
  expect_gone(opt, pid)
})

test_that("the child ends with its optimizer: closed, collected, or never made", {
  skip_if_no_python_crossoptim()
  opt <- python_optimizer("sgd", list(x = 1), implementation = "reference")
  pid <- opt$pid
  expect_true(is_there(pid))
  expect_output(print(opt), "sgd of reference, float64>")
  opt$close()
  expect_false(is_there(pid))
  expect_output(print(opt), "closed")
  expect_error(opt$step(list(x = 1)), "the optimizer is closed", class = "crossoptim_value_error")
  opt$close()

  pid <- python_optimizer("sgd", list(x = 1), implementation = "reference")$pid
  expect_true(is_there(pid))
  gc()
  expect_false(is_there(pid))
})

test_that("a session holds many optimizers, and outlives each", {
  session <- python_session(skip_if_no_python_crossoptim())
  pid <- session$pid
  expect_output(print(session), sprintf("process %d", pid))
  one <- python_optimizer("sgd", list(x = 1), lr = 1, implementation = "reference", python = session)
  two <- python_optimizer("sgd", list(x = 1), lr = 0.5, implementation = "reference", python = session)
  expect_error(python_optimizer("nobody", list(x = 1), python = session), class = "crossoptim_remote_error")
  one$close()
  expect_error(one$step(list(x = 1)), "closed", class = "crossoptim_value_error")
  expect_identical(two$step(list(x = 1)), list(x = 0.5))
  # What was closed is given back with the next request.
  expect_error(session$ask(list(command = "state", session = 1L)), "not open", class = "crossoptim_remote_error")
  rm(one)
  gc()
  expect_identical(two$step(list(x = 1)), list(x = 0))
  session$close()
  expect_false(is_there(pid))
  expect_error(two$step(list(x = 1)), "it was closed", class = "crossoptim_child_error")
  two$close()
  expect_error(python_session(timeout = 0), "timeout", class = "crossoptim_value_error")
})

test_that("every optimizer is driven from arrays, tensors and closures alike, and resumed", {
  skip_if_no_torch()
  session <- shared_python()
  start <- matrix(c(0.5, -1, 2, 1.5, 0.25, -0.75), 2)
  names <- c(names(specification()$rules), "adamw")
  for (name in names) {
    make <- function(x) python_optimizer(name, list(w = x), python = session)
    arrays <- make(start)
    tensors <- make(row_tensor(row_of(start), dim(start), torch::torch_float64())$requires_grad_(TRUE))
    resumed <- make(start * 0)
    for (t in 1:3) {
      arrays$step(function(p) list(loss = sum((p$w - 3)^2), gradients = list(w = 2 * (p$w - 3))))
      loss <- tensors$step(function() {
        tensors$zero_grad()
        loss <- (tensors$params$w - 3)$square()$sum()
        loss$backward()
        loss
      })
      expect_true(is_tensor(loss))
      expect_identical(as.array(tensors$params$w$detach()), arrays$params$w, label = paste(name, "on tensors"))
    }
    expect_false(identical(arrays$params$w, start), label = paste(name, "stands still"))
    state <- arrays$state_dict()
    resumed$load_state_dict(state)
    expect_identical(resumed$state_dict(), state, label = paste(name, "resumed"))
    if (name == "lbfgs") {
      expect_length(state$memory$direction, 6)
      expect_error(arrays$step(list(w = start)), "expected a closure", class = "crossoptim_remote_error")
      next
    }
    for (variable in specification()$rules[[if (name == "adamw") "adam" else name]]$state) {
      if (!is.null(state$state$w[[variable$name]])) {
        wanted <- switch(variable$shape %||% "parameter", rows = c(2L, 1L), columns = c(1L, 3L), c(2L, 3L))
        expect_identical(dim(state$state$w[[variable$name]]), wanted, label = paste(name, variable$name))
      }
    }
    gradient <- list(w = arrays$at_gradient_point(2 * (arrays$params$w - 3)))
    expect_identical(arrays$step(gradient), resumed$step(gradient), label = paste(name, "goes on"))
  }
})

test_that("PyTorch's own forms and the reference answer where they are asked for", {
  session <- shared_python()
  for (implementation in c("crossoptim", "torch-single", "torch-foreach", "torch-fused", "reference")) {
    opt <- python_optimizer("adam", list(x = 1), lr = 0.5, implementation = implementation, python = session)
    expect_within_ulps(opt$step(list(x = 4))$x, 1 - 0.5 * 4 / (4 + 1e-8), 4, step = 0.5)
  }
  expect_error(
    python_optimizer("lion", list(x = 1), implementation = "torch-single", python = session),
    "no class implements lion", class = "crossoptim_unsupported"
  )
})

test_that("groups have options of their own, which can be changed and added to", {
  session <- shared_python()
  groups <- list(list(params = list(x = c(2, -1)), lr = 0.5), list(params = list(y = 3)))
  opt <- python_optimizer("sgd", groups, lr = 0.25, python = session)
  expect_identical(opt$step(list(x = c(1, 1), y = 1)), list(x = c(1.5, -1.5), y = 2.75))
  opt$set(2, lr = 2)
  expect_identical(vapply(opt$param_groups, function(group) group$lr, 0), c(0.5, 2))
  expect_identical(opt$step(list(x = c(1, 1), y = 1)), list(x = c(1, -2), y = 0.75))
  saved <- opt$state_dict()
  opt$add_param_group(list(params = list(z = 1), lr = 4))
  expect_identical(opt$param_groups[[3]]$params, "z")
  expect_identical(opt$step(list(z = 0.5)), list(x = c(1, -2), y = 0.75, z = -1))
  again <- python_optimizer("sgd", groups, lr = 0.25, python = session)
  again$load_state_dict(saved)
  expect_identical(again$step(list(y = 1)), list(x = c(1, -2), y = -1.25))

  expect_error(opt$set(4, lr = 1), "one of the 3 groups", class = "crossoptim_value_error")
  expect_error(opt$set(1, lr = -1), "lr = -1", class = "crossoptim_remote_error")
  expect_error(opt$set(1, 0.5), "no name", class = "crossoptim_value_error")
  expect_error(opt$add_param_group(list(params = list(x = 1))), "two places", class = "crossoptim_remote_error")
  expect_error(opt$add_param_group(list(lr = 1)), "params is not", class = "crossoptim_value_error")
  expect_identical(opt$step(list(z = 1))$z, -5)
})

test_that("a closure that fails makes no step, and leaves the parameters where they were", {
  session <- shared_python()
  for (name in c("lbfgs", "schedule_free_sgd")) {
    opt <- python_optimizer(name, list(x = c(2, -1)), lr = 0.1, python = session)
    fine <- function(p) list(loss = sum(p$x^4), gradients = list(x = 4 * p$x^3))
    opt$step(fine)
    before <- opt$params
    state <- opt$state_dict()
    calls <- 0
    expect_error(opt$step(function(p) {
      calls <<- calls + 1
      if (calls > 1 || name != "lbfgs") stop("the model broke")
      fine(p)
    }), "the model broke")
    expect_identical(opt$params, before)
    expect_identical(opt$state_dict(), state)
    expect_error(opt$step(function(p) sum(p$x)), "list\\(loss = , gradients = \\)", class = "crossoptim_value_error")
    expect_error(
      opt$step(function(p) list(loss = "much", gradients = list())), "not a single number",
      class = "crossoptim_value_error"
    )
    twin <- python_optimizer(name, list(x = c(0, 0)), lr = 0.1, python = session)
    twin$load_state_dict(state)
    expect_identical(opt$step(fine), twin$step(fine))
    expect_identical(opt$params, twin$params)
  }
})

test_that("where the gradient belongs elsewhere, the parameters are there and come back", {
  session <- shared_python()
  make <- function() python_optimizer("schedule_free_sgd", list(x = c(2, -1)), lr = 0.1, python = session)
  asked <- make()
  told <- make()
  for (t in 1:4) {
    asked$step(function(p) list(loss = 0, gradients = list(x = p$x^3)))
    told$step(list(x = told$at_gradient_point(told$params$x^3)))
    expect_identical(told$params, asked$params)
  }
  expect_identical(told$at_gradient_point(told$params$x), told$state_dict()$state$x$y)
  expect_false(identical(told$at_gradient_point(told$params$x), told$params$x))
  expect_error(told$at_gradient_point(stop("no")), "no")
  expect_identical(told$params, asked$params)
  # A step that is made inside counts.
  told$at_gradient_point(told$step(list(x = c(1, 1))))
  asked$step(list(x = c(1, 1)))
  expect_identical(told$params, asked$params)
})

test_that("in float32, arrays are rounded before they are sent", {
  opt <- python_optimizer("sgd", list(x = 0.1), lr = 1, dtype = "float32", python = shared_python())
  expect_identical(opt$step(list(x = 0.3))$x, float32(float32(0.1) - float32(0.3)))
})

test_that("what cannot be a parameter or a gradient is refused in R", {
  session <- shared_python()
  refused <- function(..., why) {
    expect_error(python_optimizer("sgd", ..., python = session), why, class = "crossoptim_value_error")
  }
  refused(c(x = 1), why = "params is not")
  refused(list(1), why = "params is not")
  refused(list(), why = "params is not")
  refused(list(x = "a"), why = "x is no numeric array")
  refused(list(list(params = list(x = 1)), list(params = list(x = 2))), why = "two x")
  refused(list(x = 1), lr = c(1, 2), why = "lr is not a single number")
  refused(list(x = 1), 0.1, why = "no name")
  refused(list(x = 1), dtype = "float16", why = "float16")
  opt <- python_optimizer("sgd", list(x = 1), python = session)
  expect_error(opt$step(), "there are no gradients", class = "crossoptim_value_error")
  expect_error(opt$step(1), "no names", class = "crossoptim_value_error")
  expect_error(opt$params <- list(), "read-only", class = "crossoptim_value_error")
  expect_error(opt$load_state_dict(list(count = c(x = 1L))), "no params", class = "crossoptim_value_error")
  skip_if_no_torch()
  refused(list(x = torch::torch_ones(1, dtype = torch::torch_half())), why = "Half")
  refused(list(x = torch::torch_ones(1)), dtype = "float64", why = "tensor of float32")
  double <- torch::torch_ones(1, dtype = torch::torch_float64())
  refused(list(x = torch::torch_ones(1), y = double), why = "y is a tensor")
})

test_that("R torch's sparse gradients reach SparseAdam", {
  skip_if_no_torch()
  table <- torch::nn_embedding(5, 2, sparse = TRUE)
  opt <- python_optimizer(
    "sparse_adam", table$parameters, lr = 0.1, implementation = "torch-single", python = shared_python()
  )
  before <- as.array(table$weight$detach()$clone())
  table(torch::torch_tensor(c(2L, 4L)))$sum()$backward()
  expect_true(table$weight$grad$is_sparse())
  opt$step()
  moved <- rowSums(abs(as.array(table$weight$detach()) - before)) > 0
  expect_identical(moved, c(FALSE, TRUE, FALSE, TRUE, FALSE))
})
