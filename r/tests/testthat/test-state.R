# The pairs of all libraries are judged by tests/test_state_r.py; here is what R's side says and refuses.

start <- list(w = matrix(c(1, -2, 3, 0.5, 0.25, -1), 2), b = c(0.5, 2))

params_of <- function(values = start, dtype = torch::torch_float64()) {
  lapply(values, function(x) torch::torch_tensor(x, dtype = dtype, requires_grad = TRUE))
}

stepped <- function(optimizer, params, steps = 3) {
  for (i in seq_len(steps)) {
    for (name in names(params)) {
      param <- params[[name]]
      param$grad <- torch::with_no_grad(param$detach() * 0.3 + i)
    }
    optimizer$step()
  }
  optimizer
}

held <- function(optimizer, names = NULL) {
  view <- state_view(optimizer, names)
  list(read = view$read(), groups = lapply(view$groups, function(group) group[c("params", "values")]))
}

# A copy of a file with its tensors and metadata changed.
edited <- function(file, change) {
  found <- read_safetensors(file)
  data <- change(list(tensors = found$tensors, metadata = from_json(found$metadata$crossoptim)))
  objects <- function(x) lapply(x, function(one) utils::modifyList(one, list(kept = wire_object(one$kept))))
  data$metadata$parameters <- objects(data$metadata$parameters)
  copy <- tempfile()
  write_safetensors(copy, data$tensors, list(crossoptim = to_json(data$metadata)))
  copy
}

mismatch <- function(optimizer, file, names = NULL, ...) {
  testthat::expect_error(load_optimizer_state(optimizer, file, names, ...), class = "crossoptim_state_mismatch")
}

test_that("a state goes from one library to another, and back, without losing a bit", {
  skip_if_no_torch()
  makers <- list(
    torch::optim_adam, torch::optim_ignite_adam, optim_adam,
    function(params, ...) reference_optimizer("adam", lapply(params, torch::as_array), ...)
  )
  file <- withr::local_tempfile()
  for (from in makers) {
    params <- params_of()
    optimizer <- from(params, lr = 0.1)
    if (inherits(optimizer, "reference_optimizer")) {
      for (i in 1:3) optimizer$step(lapply(optimizer$params, function(x) x * 0.3 + i))
      names <- NULL
    } else {
      stepped(optimizer, params)
      names <- params
    }
    save_optimizer_state(optimizer, file, names)
    for (to in makers) {
      fresh <- params_of(list(w = matrix(0, 2, 3), b = c(0, 0)))
      other <- to(fresh)
      load_optimizer_state(other, file, if (!inherits(other, "reference_optimizer")) fresh)
      expect_identical(
        held(other, if (!inherits(other, "reference_optimizer")) fresh), held(optimizer, names)
      )
    }
  }
})

test_that("Python's optimizers are saved and loaded from R", {
  skip_if_no_python_crossoptim()
  file <- withr::local_tempfile()
  gradient <- function(params) lapply(params, function(x) x * 0.3 + 1)
  for (name in c("nadam", "adafactor", "sgd")) {
    options <- if (name == "sgd") list(momentum = 0.5, dampening = 0.1) else list()
    ours <- do.call(python_optimizer, c(list(name, start, lr = 0.1, python = shared_python()), options))
    base <- do.call(reference_optimizer, c(list(name, start, lr = 0.1), options))
    for (optimizer in list(ours, base)) {
      for (i in 1:3) optimizer$step(gradient(optimizer$params))
    }
    save_optimizer_state(ours, file)
    load_optimizer_state(base, file)
    expect_identical(held(base), held(ours))
    save_optimizer_state(base, file)
    fresh <- python_optimizer(name, lapply(start, function(x) 0 * x), python = shared_python())
    load_optimizer_state(fresh, file)
    expect_identical(held(fresh), held(ours))
  }
})

test_that("L-BFGS goes on as if it had not been interrupted, in Python's optimizers too", {
  skip_if_no_torch()
  closure_of <- function(optimizer, params) {
    function() {
      optimizer$zero_grad()
      loss <- (params$w$square() * params$w)$sum()$square() + (params$b - params$w$sum())$square()$sum()
      loss$backward()
      loss
    }
  }
  makers <- list(
    function(params) torch::optim_lbfgs(params, lr = 0.01, max_iter = 3),
    function(params) optim_lbfgs(params, lr = 0.01, max_iter = 3)
  )
  file <- withr::local_tempfile()
  for (make in makers) {
    params <- params_of()
    optimizer <- make(params)
    for (i in 1:3) optimizer$step(closure_of(optimizer, params))
    save_optimizer_state(optimizer, file, params)
    fresh <- params_of(list(w = matrix(0, 2, 3), b = c(0, 0)))
    other <- make(fresh)
    load_optimizer_state(other, file, fresh)
    for (i in 1:3) {
      optimizer$step(closure_of(optimizer, params))
      other$step(closure_of(other, fresh))
    }
    expect_identical(held(other, fresh), held(optimizer, params))
  }
  skip_if_no_python_crossoptim()
  numbers <- lapply(fresh, function(x) 0 * torch::as_array(x$detach()))
  python <- python_optimizer("lbfgs", numbers, python = shared_python())
  load_optimizer_state(python, file)
  again <- withr::local_tempfile()
  save_optimizer_state(python, again)
  sorted <- function(file) read_safetensors(file)$tensors[sort(names(read_safetensors(file)$tensors))]
  expect_identical(sorted(again), sorted(file))
})

test_that("parameters have the names of the list, or those that are given, or numbers", {
  skip_if_no_torch()
  params <- params_of()
  expect_identical(names(state_view(torch::optim_adam(params))$shapes), c("w", "b"))
  expect_identical(names(state_view(torch::optim_adam(unname(params)))$shapes), c("0", "1"))
  expect_identical(names(state_view(torch::optim_ignite_adam(params))$shapes), c("0", "1"))
  other <- list(unused = torch::torch_ones(1), heavy = params$w, light = params$b)
  for (make in list(torch::optim_adam, torch::optim_ignite_adam)) {
    expect_identical(names(state_view(make(unname(params)), other)$shapes), c("heavy", "light"))
  }
  optimizer <- torch::optim_adam(params)
  refused <- function(names, message) {
    expect_error(state_view(optimizer, names), message, class = "crossoptim_value_error")
  }
  refused(params["w"], "names: a parameter of shape \\(2\\) has none")
  refused(c(a = 1), "names is not a named list of tensors")
  expect_error(state_view(list()), "optimizer is a list", class = "crossoptim_value_error")
  expect_error(state_view(reference_optimizer("sgd", list(x = 1)), params), "has names of its own")
})

test_that("a module's parameters go by its names", {
  skip_if_no_torch()
  model <- torch::nn_linear(2, 1)
  for (make in list(torch::optim_adam, torch::optim_ignite_adam, optim_adam)) {
    view <- state_view(make(model$parameters, lr = 0.1), model$parameters)
    expect_identical(view$shapes, list(weight = c(1L, 2L), bias = 1L))
  }
})

test_that("a file that does not fit is refused with all that differs, and nothing changes", {
  skip_if_no_torch()
  file <- withr::local_tempfile()
  params <- params_of()
  save_optimizer_state(stepped(torch::optim_adam(params, lr = 0.1), params), file, params)

  expect_differences <- function(optimizer, file, expected, names, ...) {
    before <- held(optimizer, names)
    expect_identical(mismatch(optimizer, file, names, ...)$differences, expected)
    expect_identical(held(optimizer, names), before)
  }
  fresh <- params_of()
  adam <- stepped(torch::optim_adam(fresh), fresh, 1)
  expect_differences(torch::optim_sgd(fresh, lr = 1), file, "the file is of adam, the optimizer is sgd", fresh)
  expect_differences(
    torch::optim_ignite_adamw(fresh), file, "group 0: decay = coupled, optim_ignite_adamw has decoupled", fresh
  )
  expect_differences(
    adam, file, c(
      "parameter 'v' is not in the file", "parameter 'c' is not in the file",
      "the file's parameter 'w' is not in the optimizer", "the file's parameter 'b' is not in the optimizer"
    ), stats::setNames(fresh, c("v", "c"))
  )
  grouped <- torch::optim_adam(list(list(params = fresh["w"]), list(params = fresh["b"])))
  expect_differences(grouped, file, "the file has 1 group, the optimizer 2 groups", fresh)
  single <- params_of(list(w = 1:6, b = 1:2), torch::torch_float32())
  expect_differences(
    torch::optim_adam(single), file, c(
      "w has shape [2, 3] in the file, [6] in the optimizer", "w is float64 in the file, float32 in the optimizer",
      "b is float64 in the file, float32 in the optimizer"
    ), single
  )
  change <- function(f) edited(file, f)
  expect_differences(adam, change(function(data) {
    data$tensors[c("params/w", "state/w/m", "state/b/v")] <- NULL
    data$tensors$`state/b/velocity` <- data$tensors$`state/b/m`
    data$tensors$`state/b/m`$shape <- c(1L, 2L)
    data$metadata$parameters$b["step"] <- list(NULL)
    data
  }), c(
    "params/w is missing", "state/w/m is missing", "state/b/m has shape [1, 2] (expected [2])", "state/b/v is missing",
    "the step count of b is missing", "state/b/velocity is no tensor of adam"
  ), fresh)
  expect_differences(adam, change(function(data) {
    data$metadata$groups[[1]]$values$maximize <- TRUE
    data$metadata$groups[[1]]$values$eps_placement <- "inside"
    data
  }), c(
    "group 0: eps_placement = inside, optim_adam has outside",
    "group 0: maximize = TRUE, optim_adam has no argument for it"
  ), fresh)

  own <- params_of()
  save_optimizer_state(stepped(optim_nadam(own), own), file, own)
  without <- edited(file, function(data) {
    data$metadata$parameters$w$kept <- list()
    data
  })
  expect_differences(optim_nadam(fresh), without, "the kept number mu_product of w is missing", fresh)
  save_optimizer_state(optim_nadam(own), file, own, parameters = FALSE)
  expect_differences(optim_nadam(fresh), file, c("params/w is missing", "params/b is missing"), fresh)
  load_optimizer_state(optim_nadam(fresh), file, fresh, parameters = FALSE)
})

test_that("metadata that cannot be is refused", {
  optimizer <- reference_optimizer("adam", list(x = c(1, 2)))
  file <- withr::local_tempfile()
  save_optimizer_state(optimizer, file)
  refused <- function(message, change) {
    expect_error(load_optimizer_state(optimizer, edited(file, change)), message, class = "crossoptim_file_error")
  }
  refused("format crossoptim/state/2 \\(expected crossoptim/state/1\\)", function(data) {
    data$metadata$format <- "crossoptim/state/2"
    data
  })
  refused("rule adamant is not known", function(data) {
    data$metadata$rule <- "adamant"
    data
  })
  refused("the groups do not say eps", function(data) {
    data$metadata$groups[[1]]$values$eps <- NULL
    data
  })
  refused("beta1 = 2 is outside \\[0, 1\\)", function(data) {
    data$metadata$groups[[1]]$values$beta1 <- 2
    data
  })
  refused("the groups' parameters are x, x \\(expected each of x once\\)", function(data) {
    data$metadata$groups[[1]]$params <- list("x", "x")
    data
  })
  refused("the metadata's parameters are not as described", function(data) {
    data$metadata$parameters$x$step <- -1
    data
  })
  write_safetensors(file, list(), list(other = "text"))
  expect_error(load_optimizer_state(optimizer, file), "no metadata 'crossoptim'", class = "crossoptim_file_error")
  expect_error(save_optimizer_state(optimizer, 1), "file is not the name of a file", class = "crossoptim_value_error")
})

test_that("a state that the file lacks goes, or is one more misfit where it cannot go", {
  skip_if_no_torch()
  file <- withr::local_tempfile()
  heavy <- list(lr = 0.1, momentum = 0.5, dampening = 0.25)
  params <- params_of()
  save_optimizer_state(do.call(optim_sgd, c(list(params), heavy)), file, params)
  for (make in list(torch::optim_sgd, optim_sgd)) {
    fresh <- params_of()
    used <- stepped(make(fresh, lr = 1, momentum = 0.9), fresh)
    load_optimizer_state(used, file, fresh)
    again <- params_of()
    new <- do.call(make, c(list(again), heavy))
    expect_identical(held(stepped(used, fresh, 2), fresh)$read, held(stepped(new, again, 2), again)$read)
  }
  fresh <- params_of()
  used <- stepped(torch::optim_ignite_sgd(fresh, lr = 1, momentum = 0.9), fresh)
  expect_identical(
    mismatch(used, file, fresh)$differences,
    sprintf("%s has a state in the optimizer, which it cannot forget, and none in the file", c("w", "b"))
  )
})

test_that("a class that makes its state early begins anew where the file has none", {
  skip_if_no_torch()
  file <- withr::local_tempfile()
  params <- params_of()
  save_optimizer_state(optim_adagrad(params, lr = 0.1, initial_accumulator_value = 0.5), file, params)
  for (make in list(torch::optim_adagrad, torch::optim_ignite_adagrad, optim_adagrad)) {
    fresh <- params_of()
    used <- stepped(make(fresh, lr = 1), fresh)
    load_optimizer_state(used, file, fresh)
    again <- params_of()
    new <- make(again, lr = 0.1, initial_accumulator_value = 0.5)
    stepped(used, fresh, 2)
    stepped(new, again, 2)
    expect_identical(held(used, fresh)$read, held(new, again)$read)
  }
})
