elementwise_equations <- function() {
  spec <- specification()
  Filter(function(equation) spec$rules[[equation$rule]]$kind == "elementwise", spec$equations)
}

equation_of <- function(optimizer, ...) {
  setting <- rule_setting(optimizer, list(...))
  c(equation_for(setting$rule, setting$values, 3L), list(values = setting$values))
}

skip_if_no_kernels <- function() {
  skip_if_no_torch()
  made <- tryCatch(
    suppressWarnings(torch_memory(), classes = "crossoptim_slow"),
    error = function(e) NULL
  )
  skip_if(is.null(made), "no kernels can be compiled here")
}

# As in a new R session.
forget_kernels <- function() {
  rm(list = ls(kernels), envir = kernels)
}

# Parameters with given gradients, each a function of its number and the step; NULL where there is none.
walk_all <- function(params, steps, give_gradient, kernels = TRUE, constructor = crossoptim::optim_adam, ...) {
  optimizer <- constructor(params, ...)
  optimizer$kernels <- kernels
  for (step in seq_len(steps)) {
    for (i in seq_along(params)) {
      params[[i]]$grad <- give_gradient(i, step)
    }
    optimizer$step()
  }
  optimizer
}

values_of <- function(x) {
  as.double(as.array(x$detach()$to(dtype = torch::torch_float64())$contiguous()))
}

test_that("an equation is the same C text as in Python", {
  python <- skip_if_no_python_crossoptim()
  equations <- elementwise_equations()
  asked <- equations[seq(1, length(equations), 5)]
  code <- paste(
    "import hashlib, json, sys",
    "from crossoptim.spec.branches import every_equation",
    "from crossoptim.spec.emit.c import source",
    "from crossoptim.spec.rules import all_rules",
    "elementwise = [rule for rule in all_rules().values() if rule.kind == 'elementwise']",
    "every = {key: e for rule in elementwise for key, e in every_equation(rule).items()}",
    "both = lambda e: source(e, 'float32') + source(e, 'bfloat16')",
    "print(json.dumps({key: both(every[key]) for key in json.load(sys.stdin)}))",
    sep = "\n"
  )
  ids <- tempfile()
  writeLines(to_json(as.list(names(asked))), ids)
  theirs <- from_json(processx::run(python, c("-c", code), stdin = ids)$stdout)
  ours <- lapply(asked, function(equation) {
    paste0(kernel_source(equation, "float32"), kernel_source(equation, "bfloat16"))
  })
  expect_identical(ours, theirs[names(asked)])
})

test_that("what is not elementwise has no kernel, and says so", {
  refused <- function(equation, message) {
    expect_error(kernel_source(equation, "float32"), message, fixed = TRUE, class = "crossoptim_value_error")
  }
  refused(equation_of("lamb"), "a kernel cannot have sum(")
  expect_null(find_kernel(equation_of("lamb"), "float32"))
  refused(list(id = "x", update = list(list("p_new", "p ** 0.5")), state = list()), "a kernel cannot have p^0.5")
})

test_that("numbers of a step are those of the specification's scalars, to the bit", {
  skip_if_no_kernels()
  for (optimizer in c("adam", "asgd", "nadam", "radam", "adopt")) {
    equation <- equation_of(optimizer)
    kernel <- find_kernel(equation, "float64")
    made <- compile_scalars(equation)
    kept <- as.double(unlist(initial_kept(equation, equation$values)))
    before <- c(equation$values[unlist(equation$hyper)], stats::setNames(as.list(kept), names(equation$kept)))
    names <- kernel_arguments(equation)$numbers
    for (t in c(1:12, 1000, 123456)) {
      expected <- c(before, made(before, t))
      found <- step_numbers(kernel, equation$values, kept, t)
      expect_identical(found$numbers, as.double(unlist(expected[names])), info = paste(optimizer, t))
      expect_identical(found$kept, as.double(unlist(expected[paste0(names(equation$kept), "_new", recycle0 = TRUE)])))
    }
  }
})

test_that("kernels are exact against golden trajectories", {
  skip_if_no_kernels()
  cases <- c(
    "adam/amsgrad-ravine-f32", "adam/groups-injected-f64", "adam/none-later-injected-f32",
    "adam/extreme_denormal-denormal-f32", "asgd/plain-ravine-f64", "adopt/plain-ravine-f64", "nadam/plain-ravine-f64"
  )
  for (case in cases) {
    constructor <- get(paste0("optim_", dirname(case)))
    expect_identical(judge_trajectory(case, run_case(case, constructor))$verdict, "exact", info = case)
  }
})

test_that("whatever the memory of a parameter is like, its steps are those of torch's operations", {
  skip_if_no_kernels()
  scenario <- function(kernels) {
    whole <- torch::torch_tensor(as.double(1:12), dtype = torch::torch_float64())
    double <- torch::torch_float64()
    params <- list(
      torch::torch_tensor(c(1, -2, 0.5), dtype = double),
      torch::torch_tensor(c(3, 4), dtype = torch::torch_float32()),
      whole$clone()$reshape(c(3, 4))$t(), # with gaps
      whole$clone()[5:8], # in the middle of its storage
      torch::torch_tensor(2, dtype = double)$squeeze(),
      torch::torch_zeros(0, dtype = double),
      whole$clone()$reshape(c(3, 4)), # its gradient lies otherwise
      torch::torch_tensor(c(7, 8), dtype = double) # joins late, and stays away at times
    )
    params <- lapply(params, function(param) param$detach()$requires_grad_())
    gradient <- function(i, step) {
      if (i == 8 && step %in% c(1, 2, 5)) {
        return(NULL)
      }
      shape <- params[[i]]$shape
      made <- torch::torch_tensor(cos(seq_len(prod(shape)) * step), dtype = params[[i]]$dtype)
      if (i == 7) made$reshape(rev(shape))$t() else made$reshape(shape)
    }
    optimizer <- walk_all(params, 7, gradient, kernels, weight_decay = 0.1)
    list(params = params, states = optimizer$state_dict()$state)
  }
  ours <- scenario(TRUE)
  theirs <- scenario(FALSE)
  for (i in seq_along(ours$params)) {
    ulps <- if (i == 2) 2^32 else 8
    expect_within_ulps(values_of(ours$params[[i]]), values_of(theirs$params[[i]]), ulps, 0.01)
    for (key in c("exp_avg", "exp_avg_sq")) {
      of <- as.character(i)
      expect_within_ulps(values_of(ours$states[[of]][[key]]), values_of(theirs$states[[of]][[key]]), ulps, 1e-3)
    }
  }
  steps <- vapply(as.character(1:8), function(i) ours$states[[i]]$step, 0)
  expect_identical(unname(steps), c(7, 7, 7, 7, 7, 7, 7, 4))
  expect_identical(lapply(ours$states[names(theirs$states)], names), lapply(theirs$states, names))
})

test_that("half precision is computed in float32 and rounded when it is stored", {
  skip_if_no_kernels()
  for (dtype in list(torch::torch_half(), torch::torch_bfloat16())) {
    start <- torch::torch_tensor(sin(1:50))$to(dtype = dtype)
    param <- start$clone()$requires_grad_()
    gradient <- torch::torch_tensor(cos(1:50))$to(dtype = dtype)
    walk_all(list(param), 1, function(i, step) gradient, constructor = crossoptim::optim_sgd, lr = 0.1)
    wide <- start$to(dtype = torch::torch_float32()) - gradient$to(dtype = torch::torch_float32()) * 0.1
    expect_identical(values_of(param), values_of(wide$to(dtype = dtype)))
  }
})

test_that("a run goes on where state is replaced, options change and kernels are switched off and on", {
  skip_if_no_kernels()
  gradient <- function(step) torch::torch_tensor(sin(step * 1:3), dtype = torch::torch_float64())
  run <- function(kernels) {
    param <- torch::torch_tensor(c(1, -2, 0.5), dtype = torch::torch_float64(), requires_grad = TRUE)
    optimizer <- crossoptim::optim_adam(list(param), lr = 0.1)
    for (step in 1:9) {
      optimizer$kernels <- kernels(step)
      param$grad <- gradient(step)
      if (step == 3) optimizer$param_groups[[1]]$lr <- 0.05
      if (step == 5) optimizer$param_groups[[1]]$amsgrad <- TRUE
      if (step == 7) {
        saved <- optimizer$state_dict()
        saved$state[["1"]]$exp_avg <- saved$state[["1"]]$exp_avg * 2
        optimizer$load_state_dict(saved)
      }
      optimizer$step()
    }
    values_of(param)
  }
  expected <- run(function(step) FALSE)
  expect_within_ulps(run(function(step) TRUE), expected, 8, 0.1)
  expect_within_ulps(run(function(step) step %% 2 == 0), expected, 8, 0.1)
})

test_that("a gradient of another shape or sparse is not given to a kernel", {
  skip_if_no_kernels()
  param <- torch::torch_ones(3, dtype = torch::torch_float64())$requires_grad_()
  wide <- torch::torch_ones(c(2, 2), dtype = torch::torch_float64())$requires_grad_()
  wide$grad <- torch::torch_ones(4, dtype = torch::torch_float64())
  param$grad <- torch::torch_sparse_coo_tensor(matrix(2L, 1), torch::torch_tensor(5, dtype = param$dtype), 3L)
  expect_identical(.Call(torch_memory()$describe, list(param, wide), TRUE)$dtype, c(-1L, -1L))
  # What R torch was asked, and refused, is not raised by its next call.
  expect_identical(torch::torch_zeros(1)$item(), 0)
})

test_that("autograd notices what a kernel changes", {
  skip_if_no_kernels()
  param <- torch::torch_ones(3, requires_grad = TRUE)
  loss <- (param * param)$sum()
  walk_all(list(param), 1, function(i, step) torch::torch_ones(3))
  expect_error(loss$backward(), "modified by an inplace operation")
  expect_true(param$is_leaf && param$requires_grad)
})

test_that("gradients are dropped, also where they are views", {
  skip_if_no_kernels()
  params <- lapply(1:2, function(i) torch::torch_ones(3, requires_grad = TRUE))
  optimizer <- walk_all(params, 1, function(i, step) if (i == 1) torch::torch_ones(3))
  params[[2]]$grad <- torch::torch_ones(6)[4:6]
  expect_identical(.Call(torch_memory()$describe, params, TRUE)$dtype, c(1L, 1L))
  optimizer$zero_grad()
  expect_identical(.Call(torch_memory()$describe, params, TRUE)$dtype, c(0L, 0L))
})

test_that("what was compiled is loaded from then on, under a name that says from what", {
  skip_if_no_kernels()
  withr::local_envvar(CROSSOPTIM_CACHE = withr::local_tempdir())
  source <- "#include <Rinternals.h>\nSEXP answer(void) { return Rf_ScalarInteger(%d); }"
  answer <- function(number) .Call(entry(load_c(sprintf(source, number)), "answer"))
  expect_identical(answer(42L), 42L)
  made <- file.info(list.files(kernel_folder(), full.names = TRUE))
  expect_identical(answer(42L), 42L)
  expect_identical(file.info(list.files(kernel_folder(), full.names = TRUE))$mtime, made$mtime)
  expect_identical(answer(43L), 43L)
  expect_length(list.files(kernel_folder()), 2)
  expect_error(load_c("no C"), "error", class = "crossoptim_no_kernels")
})

test_that("without a compiler torch's operations do the work, which is told once", {
  skip_if_no_torch()
  skip_on_os("windows")
  forget_kernels()
  withr::defer(forget_kernels())
  withr::local_envvar(CROSSOPTIM_CACHE = withr::local_tempdir(), PATH = withr::local_tempdir())
  step <- function() {
    param <- torch::torch_ones(1, dtype = torch::torch_float64(), requires_grad = TRUE)
    gradient <- torch::torch_ones(1, dtype = param$dtype)
    walk_all(list(param), 2, function(i, step) gradient, constructor = crossoptim::optim_sgd, lr = 0.25)
    param$item()
  }
  expect_warning(stepped <- step(), "optimizers run on torch's operations", class = "crossoptim_slow")
  expect_identical(stepped, 0.5)
  expect_silent(step())
})

test_that("tensors that share memory are found", {
  expect_false(overlap(c(0, 40, 20), c(20, 20, 20)))
  expect_true(overlap(c(0, 40, 19), c(20, 20, 22)))
  expect_false(overlap(c(0, 0, 8), c(0, 8, 8)))
  expect_false(overlap(numeric(), numeric()))
})
