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
python_specification <- function(python, optimizer, ...) {
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
  skip_if_not(python_available(python), sprintf("%s has no crossoptim (set CROSSOPTIM_PYTHON)", python))
  python
}

shared <- new.env()

# One Python for all tests that need no fresh one: it takes seconds to load torch. It ends with this R.
shared_python <- function() {
  if (is.null(shared$session)) {
    shared$session <- python_session(skip_if_no_python_crossoptim(), timeout = 120)
  }
  shared$session
}

# Also a process that has ended, but was not waited for, is still there.
is_there <- function(pid) tools::pskill(pid, 0L)

skip_if_no_torch <- function() {
  skip_if_not_installed("torch")
  skip_if_not(torch::torch_is_installed(), "R torch has no libtorch")
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

# Plain descent, then momentum, plain again for two steps, the second without a gradient, then momentum.
momentum_comes_and_goes <- function() {
  request <- descent()
  plain <- request$settings[[1]]
  plain$values$lr <- 0.5
  heavy <- plain
  heavy$equation$update <- list(list("v_new", "v / 2 + g"), list("p_new", "p - lr * v_new"))
  heavy$equation$state <- list("v")
  heavy$equation$init <- list(v = "0")
  request$settings <- Map(
    function(entry, step) utils::modifyList(entry, list(from_step = step)),
    list(plain, heavy, plain, heavy), c(1L, 2L, 3L, 5L)
  )
  request$steps <- 5L
  request$params <- list(list(name = "x", shape = list(1L), data = I(0)))
  request$optimizer$state <- list(v = "v")
  request$gradients$x <- list(I(1), I(1), I(1), NULL, I(1))
  request$scalars$x <- rep(list(wire_object(list())), 5)
  request
}

# The classes of R torch in spec.json, each with its constructor and the hyperparameters of its rule.
r_torch_bindings <- function() {
  skip_if_no_torch()
  spec <- specification()
  classes <- c(spec$ecosystems$r_torch$classes, spec$ecosystems$r_torch_ignite$classes)
  lapply(stats::setNames(nm = names(classes)), function(name) {
    hyper <- spec$rules[[classes[[name]]$rule]]$hyper
    names(hyper) <- vapply(hyper, function(one) one$name, "")
    list(name = name, class = classes[[name]], hyper = hyper, constructor = getExportedValue("torch", name))
  })
}

# A value of spec.json as R writes it.
stated <- function(value) {
  if (is.null(value) || is.logical(value)) value else read_row(as.list(value))
}

construct <- function(bound, ...) {
  bound$constructor(list(torch::torch_zeros(1, requires_grad = TRUE)), ...)
}

# The interval of one number of an argument: the library's own, else the specification's; NULL for a flag.
interval <- function(bound, argument, position) {
  name <- bound$class$args[[argument]][[position]]
  bound$class$bounds[[name]] %||% bound$hyper[[name]]$interval
}

# The finite ends of an interval such as "[0, 1)", each with a value just beyond it.
ends_of <- function(text) {
  if (is.null(text)) {
    return(list())
  }
  values <- as.numeric(strsplit(gsub("[^-+.0-9a-z,]", "", text), ",")[[1]])
  ends <- list(
    list(value = values[1], closed = startsWith(text, "["), beyond = values[1] - 1e-3),
    list(value = values[2], closed = endsWith(text, "]"), beyond = values[2] + 1e-3)
  )
  Filter(function(end) is.finite(end$value), ends)
}

expect_bound <- function(bound, argument, position, value, accepted) {
  arguments <- lapply(bound$class$defaults, stated)
  arguments$lr <- 0.1
  arguments[[argument]][position] <- value
  label <- sprintf("%s with %s = %s", bound$name, argument, toString(arguments[[argument]]))
  built <- tryCatch(do.call(construct, c(list(bound), arguments)), error = identity)
  testthat::expect_identical(inherits(built, "torch_optimizer"), accepted, label = label)
}
