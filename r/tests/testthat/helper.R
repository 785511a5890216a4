ask <- function(...) {
  from_json(handle(to_json(list(...))))
}

bits <- function(x) writeBin(as.double(x), raw())

# Elementwise, because expect_equal() compares means. `step` is the size of one update: near zero a parameter
# carries the rounding of the update, not of its own value.
expect_within_ulps <- function(object, expected, ulps, step) {
  object <- as.double(object)
  expected <- as.double(expected)
  testthat::expect_length(object, length(expected))
  apart <- abs(object - expected) / (.Machine$double.eps * pmax(abs(expected), step))
  testthat::expect_true(all(apart <= ulps), info = sprintf("%.3g ulps apart", max(apart)))
}

# What the specification says, from the Python package itself: there is no copy of an equation here.
specification <- function(python, optimizer, ...) {
  code <- paste(
    "import json, sys",
    "from crossoptim.spec.rules import resolve",
    "from crossoptim.spec.trace import trace",
    "s = resolve(sys.argv[1], json.loads(sys.argv[2]))",
    "print(json.dumps({'equation': trace(s).as_json(), 'hyper': s.reals}))",
    sep = "\n"
  )
  from_json(processx::run(python, c("-c", code, optimizer, to_json(list(...))))$stdout)
}

skip_if_no_python_crossoptim <- function() {
  python <- tryCatch(find_python(NULL), crossoptim_python_error = function(e) skip(conditionMessage(e)))
  found <- processx::run(python, c("-c", "import crossoptim"), error_on_status = FALSE)$status == 0
  if (!found) {
    skip(sprintf("%s has no crossoptim (set CROSSOPTIM_PYTHON)", python))
  }
  python
}

skip_if_no_torch <- function() {
  skip_if_not_installed("torch")
  skip_if_not(torch::torch_is_installed(), "R torch has no libtorch")
}

fixtures <- function() {
  folder <- Sys.getenv("CROSSOPTIM_FIXTURES")
  skip_if(!nzchar(folder), "CROSSOPTIM_FIXTURES does not name the folder of the golden fixtures")
  folder
}

# An executable that stands in for Python, running a few lines of shell.
fake_python <- function(lines, env = parent.frame()) {
  skip_on_os("windows")
  path <- withr::local_tempfile(fileext = ".sh", .local_envir = env)
  writeLines(c("#!/bin/sh", lines), path)
  Sys.chmod(path, "700")
  path
}

# A run of plain gradient descent, x - lr g, in base R.
descent <- function(..., mode = "replay", dtype = "float64", events = list()) {
  equation <- list(
    update = list(list("p_new", "p - lr * g")), hyper = list("lr"), state = list(), scalars = list()
  )
  list(
    command = "run", protocol = 1L, implementation = "base-r", case = "test", mode = mode, dtype = dtype, steps = 2L,
    params = list(list(name = "x", shape = list(2L), data = I(c(1, -2)))),
    optimizer = list(name = "sgd", groups = list(), state = wire_object(list())),
    events = events,
    gradients = list(x = list(I(c(1, 1)), I(c(0.5, -0.5)))),
    settings = list(list(from_step = 1L, group = 0L, params = list("x"), values = list(lr = 0.1), equation = equation)),
    scalars = list(x = list(wire_object(list()), wire_object(list()))),
    ...
  )
}
