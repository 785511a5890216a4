tensor <- function(values, dtype = torch::torch_float64()) {
  torch::torch_tensor(values, dtype = dtype, requires_grad = TRUE)
}

value_of <- function(x) as.double(as.array(x$detach()))

# Gradients that are neither constant nor smooth: what they are at a step, of a parameter of some size.
gradient_of <- function(step, size) sin(step * seq_len(size)) * 10^(step %% 3 - 1)

give <- function(param, values) {
  param$grad <- torch::torch_tensor(values, dtype = param$dtype)$reshape(param$shape)$clone()
}

# Every step's parameter under gradients that are given.
walk <- function(constructor, steps, ..., start = c(1, -2, 0.5)) {
  param <- tensor(start)
  optimizer <- constructor(list(param), ...)
  lapply(seq_len(steps), function(step) {
    give(param, gradient_of(step, length(start)))
    optimizer$step()
    value_of(param)
  })
}

# A small network with fixed weights, its data, and one step of a training loop.
training <- function(constructor, ...) {
  torch::torch_manual_seed(7)
  model <- torch::nn_sequential(torch::nn_linear(3, 4), torch::nn_tanh(), torch::nn_linear(4, 1))
  model$to(dtype = torch::torch_float64())
  # From vectors: R torch's float64 tensor of a matrix with one column is that matrix's memory.
  x <- torch::torch_tensor(sin(1:24), dtype = torch::torch_float64())$reshape(c(8, 3))
  y <- torch::torch_tensor(cos(1:8), dtype = torch::torch_float64())$reshape(c(8, 1))
  optimizer <- constructor(model$parameters, ...)
  list(
    optimizer = function() optimizer,
    replace = function(other) optimizer <<- other,
    step = function() {
      optimizer$zero_grad()
      loss <- torch::nnf_mse_loss(model(x), y)
      loss$backward()
      optimizer$step()
      loss$item()
    },
    params = function() unlist(lapply(model$parameters, value_of))
  )
}

expect_same_walk <- function(object, expected, step, ulps = 64) {
  for (i in seq_along(expected)) {
    expect_within_ulps(object[[i]], expected[[i]], ulps, step)
  }
}

test_that("every function makes an optimizer of R torch, by its own defaults", {
  skip_if_no_torch()
  for (name in names(optimizer_bindings)) {
    constructor <- get(name)
    required <- setdiff(names(formals(constructor))[!nzchar(as.character(formals(constructor)))], "params")
    arguments <- c(list(list(tensor(diag(2)))), stats::setNames(rep(list(0.1), length(required)), required))
    made <- do.call(constructor, arguments)
    expect_true(torch::is_optimizer(made))
    expect_s3_class(made, c(name, "crossoptim_optimizer", "torch_optimizer", "R6"), exact = TRUE)
    given <- Filter(Negate(is.null), formals(constructor))
    expect_named(made$param_groups[[1]], names(given), ignore.order = TRUE, info = name)
  }
})

test_that("defaults are the numbers of the specification, to the bit", {
  for (name in names(optimizer_bindings)) {
    binding <- optimizer_bindings[[name]]
    options <- rule_options(specification()$rules[[binding$rule]])
    given <- Filter(function(default) nzchar(as.character(default)[1]), formals(get(name)))
    defaults <- lapply(given, eval)
    for (library in c("r_torch", "pytorch")) {
      classes <- specification()$ecosystems[[library]]$classes
      foreign <- classes[[name]] %||% Find(function(class) identical(class$rule, binding$rule), classes)
      if (!is.null(foreign)) break
    }
    for (argument in names(defaults)) {
      ours <- binding$args[[argument]]
      expected <- if (!is.null(foreign) && argument %in% names(foreign$defaults)) {
        unlist(lapply(foreign$defaults[[argument]], function(value) value %||% NA))
      } else if (is.null(foreign) || !argument %in% names(foreign$args)) {
        options[[ours]]$default
      }
      if (is.numeric(expected)) {
        expect_identical(as.double(defaults[[argument]]), as.double(expected), info = paste(name, argument))
      }
    }
  }
})

test_that("a network is trained as by R torch's own optimizers, where these are right", {
  skip_if_no_torch()
  same <- list(
    optim_adam = list(lr = 0.01), optim_adam = list(lr = 0.01, amsgrad = TRUE, eps = 1e-3),
    optim_sgd = list(lr = 0.1, momentum = 0.9, nesterov = TRUE),
    optim_sgd = list(lr = 0.1, momentum = 0.5, dampening = 0.3),
    optim_rmsprop = list(lr = 0.01, momentum = 0.5, centered = TRUE),
    optim_adagrad = list(lr = 0.05, weight_decay = 0.1),
    optim_adadelta = list(rho = 0.8, weight_decay = 0.1), optim_rprop = list(lr = 0.01)
  )
  for (i in seq_along(same)) {
    name <- names(same)[i]
    ours <- do.call(training, c(list(get(name)), same[[i]]))
    theirs <- do.call(training, c(list(getExportedValue("torch", name)), same[[i]]))
    losses <- vapply(1:20, function(step) c(ours$step(), theirs$step()), c(0, 0))
    expect_lt(losses[1, 20], losses[1, 1])
    expect_within_ulps(ours$params(), theirs$params(), 4096, 0.1)
  }
})

test_that("weight decay of sgd and rmsprop adds the parameter, which R torch's does not", {
  skip_if_no_torch()
  expected <- list()
  p <- c(1, -2, 0.5)
  velocity <- NULL
  for (step in 1:5) {
    g <- gradient_of(step, 3) + 0.3 * p
    velocity <- if (is.null(velocity)) g else 0.9 * velocity + g
    p <- p - 0.1 * velocity
    expected[[step]] <- p
  }
  expect_same_walk(walk(crossoptim::optim_sgd, 5, lr = 0.1, momentum = 0.9, weight_decay = 0.3), expected, 1)
  theirs <- walk(torch::optim_sgd, 5, lr = 0.1, momentum = 0.9, weight_decay = 0.3)
  expect_gt(max(abs(theirs[[5]] - expected[[5]])), 0.01)

  p <- c(1, -2, 0.5)
  average <- 0
  for (step in 1:5) {
    g <- gradient_of(step, 3) + 0.3 * p
    average <- 0.9 * average + 0.1 * g^2
    p <- p - 0.1 * g / (sqrt(average) + 1e-8)
    expected[[step]] <- p
  }
  expect_same_walk(walk(crossoptim::optim_rmsprop, 5, lr = 0.1, alpha = 0.9, weight_decay = 0.3), expected, 1)
})

test_that("asgd averages from t0 on, where R torch's raises", {
  skip_if_no_torch()
  p <- c(1, -2, 0.5)
  average <- p
  eta <- 0.1
  mu <- 1
  expected <- list()
  for (step in 1:6) {
    p <- p * (1 - 0.2 * eta) - eta * gradient_of(step, 3)
    average <- average + mu * (p - average)
    eta <- 0.1 / (1 + 0.2 * 0.1 * step)^0.75
    mu <- 1 / max(1, step - 2)
    expected[[step]] <- p
  }
  param <- tensor(c(1, -2, 0.5))
  optimizer <- crossoptim::optim_asgd(list(param), lr = 0.1, lambda = 0.2, t0 = 2)
  for (step in 1:6) {
    give(param, gradient_of(step, 3))
    optimizer$step()
    expect_within_ulps(value_of(param), expected[[step]], 64, 1)
  }
  expect_within_ulps(value_of(optimizer$state_dict()$state[["1"]]$ax), average, 64, 1)
  expect_error(walk(torch::optim_asgd, 6, lr = 0.1, lambda = 0.2, t0 = 2))
})

test_that("nadam is what its paper says, in numbers made here", {
  skip_if_no_torch()
  momentum <- function(t) 0.9 * (1 - 0.5 * 0.96^(t * 0.004))
  p <- c(1, -2, 0.5)
  m <- v <- 0
  product <- 1
  expected <- list()
  for (t in 1:5) {
    g <- gradient_of(t, 3)
    m <- 0.9 * m + 0.1 * g
    v <- 0.99 * v + 0.01 * g^2
    product <- product * momentum(t)
    denominator <- sqrt(v / (1 - 0.99^t)) + 1e-8
    p <- p - 0.1 * (1 - momentum(t)) / (1 - product) * g / denominator -
      0.1 * momentum(t + 1) / (1 - product * momentum(t + 1)) * m / denominator
    expected[[t]] <- p
  }
  expect_same_walk(walk(crossoptim::optim_nadam, 5, lr = 0.1, betas = c(0.9, 0.99)), expected, 0.1, ulps = 1024)
})

test_that("groups have their own options, and one may be added", {
  skip_if_no_torch()
  a <- tensor(1)
  b <- tensor(1)
  c <- tensor(1)
  optimizer <- crossoptim::optim_sgd(list(list(params = list(a)), list(params = b, lr = 0.5)), lr = 0.25)
  for (param in list(a, b, c)) give(param, 1)
  optimizer$step()
  optimizer$add_param_group(list(params = list(c), lr = 1, momentum = 0.5))
  optimizer$step()
  expect_identical(c(value_of(a), value_of(b), value_of(c)), c(0.5, 0, 0))
  expect_identical(vapply(optimizer$param_groups, function(group) group$momentum, 0), c(0, 0, 0.5))
  expect_error(optimizer$add_param_group(list(params = list(b))), "more than one", class = "crossoptim_value_error")
  bad <- list(params = list(tensor(1)), lr = -1)
  expect_error(optimizer$add_param_group(bad), "lr = -1", class = "crossoptim_value_error")
  expect_length(optimizer$param_groups, 3)
})

test_that("a parameter without a gradient is left alone, and has no state", {
  skip_if_no_torch()
  a <- tensor(1)
  b <- tensor(1)
  optimizer <- crossoptim::optim_adamw(list(a, b), weight_decay = 0.5)
  give(a, 1)
  optimizer$step()
  expect_identical(value_of(b), 1)
  expect_named(optimizer$state_dict()$state, "1")
  optimizer$zero_grad()
  expect_true(torch::is_undefined_tensor(a$grad) || is.null(a$grad))
  before <- value_of(a)
  optimizer$step()
  expect_identical(value_of(a), before)
  give(a, 1)
  optimizer$zero_grad(set_to_none = FALSE)
  expect_identical(value_of(a$grad), 0)
})

test_that("parameters change in place, gradients not at all, and state is the optimizer's own", {
  skip_if_no_torch()
  for (name in setdiff(names(optimizer_bindings), "optim_lbfgs")) {
    param <- tensor(matrix(c(1, 2, 3, 4, 5, 6), 2))
    alias <- param$detach()
    optimizer <- get(name)(list(param), lr = 0.1)
    optimizer$param_groups[[1]]$weight_decay <- if ("weight_decay" %in% names(optimizer$param_groups[[1]])) 0.1
    give(param, gradient_of(1, 6))
    gradient <- param$grad$clone()
    optimizer$step()
    expect_identical(value_of(alias), value_of(param), info = name)
    expect_identical(value_of(param$grad), value_of(gradient), info = name)
    expect_true(param$requires_grad)
    held <- optimizer$state_dict()$state[["1"]]
    before <- lapply(Filter(is_torch, held), value_of)
    torch::with_no_grad({
      param$grad$fill_(9)
      param$fill_(9)
    })
    expect_identical(lapply(Filter(is_torch, held), value_of), before, info = name)
    for (x in Filter(is_torch, held)) expect_false(x$requires_grad)
  }
})

test_that("R torch's schedulers drive it", {
  skip_if_no_torch()
  param <- tensor(0)
  optimizer <- crossoptim::optim_sgd(list(param), lr = 1)
  scheduler <- torch::lr_step(optimizer, step_size = 2, gamma = 0.5)
  moved <- vapply(1:5, function(step) {
    before <- value_of(param)
    give(param, 1)
    optimizer$step()
    scheduler$step()
    before - value_of(param)
  }, 0)
  expect_identical(moved, c(1, 1, 0.5, 0.5, 0.25))

  cycling <- crossoptim::optim_adam(list(tensor(0)), lr = 0.1)
  torch::lr_one_cycle(cycling, max_lr = 1, total_steps = 10)
  expect_identical(cycling$param_groups[[1]]$betas, c(0.95, 0.999))
  give(cycling$param_groups[[1]]$params[[1]], 1)
  cycling$step()
  expect_identical(value_of(cycling$state_dict()$state[["1"]]$exp_avg), 1 - 0.95)
})

test_that("a saved state goes on to the bit, in a fresh optimizer and through a file", {
  skip_if_no_torch()
  constructors <- list(
    list(crossoptim::optim_nadam, lr = 0.01), list(crossoptim::optim_asgd, t0 = 3),
    list(crossoptim::optim_schedule_free_sgd, lr = 0.1), list(crossoptim::optim_adafactor),
    list(crossoptim::optim_sgd, lr = 0.1, momentum = 0.9, nesterov = TRUE, nesterov_form = "lookahead")
  )
  for (arguments in constructors) {
    straight <- do.call(training, arguments)
    for (step in 1:10) straight$step()

    broken <- do.call(training, arguments)
    for (step in 1:5) broken$step()
    file <- withr::local_tempfile()
    torch::torch_save(broken$optimizer()$state_dict(), file)
    params <- broken$optimizer()$param_groups[[1]]$params
    fresh <- do.call(arguments[[1]], c(list(params), if (!is.null(arguments$lr)) list(lr = 7 * arguments$lr)))
    fresh$load_state_dict(torch::torch_load(file))
    expect_identical(fresh$param_groups[[1]][-1], broken$optimizer()$param_groups[[1]][-1])
    broken$replace(fresh)
    for (step in 6:10) broken$step()
    expect_identical(bits(broken$params()), bits(straight$params()))
  }
})

test_that("the state has R torch's layout, and R torch's own state is taken up", {
  skip_if_no_torch()
  for (name in c("optim_adam", "optim_adamw")) {
    ours <- training(get(name), lr = 0.01, amsgrad = TRUE)
    theirs <- training(getExportedValue("torch", name), lr = 0.01, amsgrad = TRUE)
    for (step in 1:3) {
      ours$step()
      theirs$step()
    }
    mine <- ours$optimizer()$state_dict()
    yours <- theirs$optimizer()$state_dict()
    expect_setequal(names(mine$state[["2"]]), names(yours$state[["2"]]))
    expect_identical(mine$param_groups[[1]]$params, yours$param_groups[[1]]$params)
    ours$optimizer()$load_state_dict(yours)
    for (step in 4:6) {
      ours$step()
      theirs$step()
    }
    expect_identical(ours$optimizer()$state_dict()$state[["2"]]$step, 6)
    # R torch's adamw makes its bias corrections in float32, 1 - 0.999^t with four digits
    expect_within_ulps(ours$params(), theirs$params(), if (name == "optim_adam") 4096 else 2^38, 0.1)
  }
})

test_that("a state that does not fit is refused, and nothing has changed", {
  skip_if_no_torch()
  run <- training(crossoptim::optim_adam)
  run$step()
  saved <- run$optimizer()$state_dict()
  refused <- function(message, change) {
    expect_error(run$optimizer()$load_state_dict(change(saved)), message, class = "crossoptim_value_error")
    expect_identical(run$optimizer()$state_dict()$state[["1"]]$step, 1)
    expect_identical(run$optimizer()$param_groups[[1]]$lr, 0.001)
  }
  refused("not a list of", function(saved) saved$state)
  refused("has 2 groups", function(saved) {
    saved$param_groups <- rep(saved$param_groups, 2)
    saved
  })
  refused("3 parameters in group 1", function(saved) {
    saved$param_groups[[1]]$params <- 1:3
    saved
  })
  refused("lr = -1", function(saved) {
    saved$param_groups[[1]]$lr <- -1
    saved
  })
  refused("parameter '9'", function(saved) {
    names(saved$state)[1] <- "9"
    saved
  })
  refused("shape \\(2\\) for exp_avg of parameter 1", function(saved) {
    saved$state[["1"]]$exp_avg <- torch::torch_zeros(2)
    saved
  })
  refused("no tensor for exp_avg_sq", function(saved) {
    saved$state[["1"]]$exp_avg_sq <- 0
    saved
  })
})

test_that("loading replaces the state: what has none in the saved one starts anew", {
  skip_if_no_torch()
  run <- training(crossoptim::optim_adam)
  fresh <- run$optimizer()$state_dict()
  run$step()
  run$optimizer()$load_state_dict(fresh)
  expect_length(run$optimizer()$state_dict()$state, 0)
})

test_that("invalid options are refused with option, value and interval", {
  skip_if_no_torch()
  w <- list(tensor(1))
  refused <- function(message, code) expect_error(code, message, fixed = TRUE, class = "crossoptim_value_error")
  refused("beta2 = 1.2 is outside [0, 1)", crossoptim::optim_adam(w, betas = c(0.9, 1.2)))
  refused("betas has 1 numbers (expected 2: beta1, beta2)", crossoptim::optim_adam(w, betas = 0.9))
  refused("lr = NaN is outside [0, inf)", crossoptim::optim_adam(w, lr = NaN))
  refused("lr = text is not a number", crossoptim::optim_adam(w, lr = "text"))
  refused("lr = TRUE is not a number", crossoptim::optim_adam(w, lr = TRUE))
  refused("amsgrad = 1 is not a flag", crossoptim::optim_adam(w, amsgrad = 1))
  refused("eps_placement = beside is not a variant", crossoptim::optim_adam(w, eps_placement = "beside"))
  refused("decoupled_weight_decay = 3 is not known", crossoptim::optim_nadam(w, decoupled_weight_decay = 3))
  refused("nesterov = true needs momentum > 0", crossoptim::optim_sgd(w, lr = 1, nesterov = TRUE))
  refused("optim_sgd: lr is needed", crossoptim::optim_sgd(w))
  refused("optim_lion: params is needed", crossoptim::optim_lion())
  refused("params is empty", crossoptim::optim_lion(list()))
  refused("has shape (1) (expected a matrix)", crossoptim::optim_muon(w))
  refused("not all floating-point tensors", crossoptim::optim_lion(list(torch::torch_tensor(1:2))))
  refused("more than one parameter group", crossoptim::optim_lion(list(w[[1]], w[[1]])))
  expect_silent(crossoptim::optim_adafactor(w, eps = c(NA, 1e-3)))
  expect_silent(crossoptim::optim_adafactor(w, eps = list(NULL, 1e-3)))
})

test_that("what a scheduler or a user sets wrongly is refused before a step changes anything", {
  skip_if_no_torch()
  a <- tensor(1)
  b <- tensor(1)
  optimizer <- crossoptim::optim_adam(list(list(params = list(a)), list(params = list(b))))
  for (param in list(a, b)) give(param, 1)
  optimizer$step()
  before <- c(value_of(a), value_of(b))
  optimizer$param_groups[[2]]$betas <- c(0.9, 1)
  evaluated <- FALSE
  expect_error(optimizer$step(function() evaluated <<- TRUE), "beta2 = 1 is outside", class = "crossoptim_value_error")
  expect_false(evaluated)
  expect_identical(c(value_of(a), value_of(b)), before)
  expect_identical(optimizer$state_dict()$state[["1"]]$step, 1)
})

test_that("a closure is evaluated where the optimizer wants its gradient", {
  skip_if_no_torch()
  p <- tensor(c(1, -2))
  optimizer <- crossoptim::optim_schedule_free_sgd(list(p), lr = 0.1, momentum = 0.5)
  seen <- list()
  closure <- function() {
    optimizer$zero_grad()
    loss <- p$square()$sum()
    loss$backward()
    seen[[length(seen) + 1]] <<- value_of(p)
    loss
  }
  for (step in 1:3) {
    wanted <- if (step == 1) value_of(p) else value_of(optimizer$state_dict()$state[["1"]]$y)
    before <- value_of(p)
    loss <- optimizer$step(closure)
    expect_identical(loss$item(), sum(seen[[step]]^2))
    expect_identical(seen[[step]], wanted)
  }
  expect_false(identical(seen[[3]], before))
  before <- value_of(p)
  expect_error(optimizer$at_gradient_point(stop("in the middle")), "in the middle")
  expect_identical(value_of(p), before)
  there <- optimizer$at_gradient_point(value_of(p))
  expect_identical(there, value_of(optimizer$state_dict()$state[["1"]]$y))
  expect_identical(value_of(p), before)
})

test_that("an option that asks for more state gets it in the middle of a run", {
  skip_if_no_torch()
  p <- tensor(c(1, -2))
  optimizer <- crossoptim::optim_adam(list(p))
  give(p, c(1, 1))
  optimizer$step()
  optimizer$param_groups[[1]]$amsgrad <- TRUE
  optimizer$step()
  state <- optimizer$state_dict()$state[["1"]]
  expect_identical(value_of(state$max_exp_avg_sq), value_of(state$exp_avg_sq))
  expect_error(
    {
      theirs <- torch::optim_adam(list(p))
      theirs$step()
      theirs$param_groups[[1]]$amsgrad <- TRUE
      theirs$step()
    }
  )
})

test_that("rules that reduce take what shapes they take, with state of its own shape", {
  skip_if_no_torch()
  shapes <- list(integer(), 3L, c(2L, 3L), c(2L, 3L, 4L))
  for (shape in shapes) {
    param <- torch::torch_ones(prod(shape), dtype = torch::torch_float32())$reshape(shape)$requires_grad_()
    optimizer <- crossoptim::optim_adafactor(list(param))
    give(param, gradient_of(1, prod(shape)))
    optimizer$step()
    state <- optimizer$state_dict()$state[["1"]]
    expect_true(as.logical(param$isfinite()$all()))
    if (length(shape) > 1) {
      expect_identical(state$row_var$shape, replace(shape, length(shape), 1L))
      expect_identical(state$col_var$shape, replace(shape, length(shape) - 1L, 1L))
    } else {
      expect_identical(state$variance$shape, shape)
    }
  }
})

test_that("sparse gradients are taken by the optimizer for them, and refused by others", {
  skip_if_no_torch()
  p <- tensor(c(1, 2, 3))
  optimizer <- crossoptim::optim_sparse_adam(list(p), lr = 0.1)
  sparse <- function() torch::torch_sparse_coo_tensor(matrix(2L, 1), torch::torch_tensor(5, dtype = p$dtype), 3L)
  p$grad <- sparse()
  optimizer$step()
  expect_identical(value_of(p)[c(1, 3)], c(1, 3))
  expect_lt(value_of(p)[2], 2)
  dense <- tensor(1)
  refusing <- crossoptim::optim_adam(list(list(params = dense), list(params = p)))
  p$grad <- sparse()
  give(dense, 1)
  expect_error(refusing$step(), "a gradient is sparse", class = "crossoptim_value_error")
  expect_identical(value_of(dense), 1)
})

test_that("numbers of a step are rounded to the dtype once, whatever the size of the parameter", {
  skip_if_no_torch()
  for (start in list(1, c(1, 1))) {
    p <- tensor(start)
    optimizer <- crossoptim::optim_sgd(list(p), lr = 0.1)
    give(p, start)
    optimizer$step()
    expect_identical(value_of(p), start - 0.1)
  }
  p <- tensor(1)$squeeze()$detach()$requires_grad_()
  expect_identical(p$shape, integer())
  optimizer <- crossoptim::optim_lion(list(p), lr = 0.1)
  p$grad <- torch::torch_ones_like(p)
  optimizer$step()
  expect_identical(p$item(), 0.9)
})

test_that("it is a function of parameters and options, as luz wants one", {
  skip_if_no_torch()
  set_optimizers <- function(model, optimizer, ...) optimizer(model$parameters, ...)
  made <- set_optimizers(torch::nn_linear(2, 1), crossoptim::optim_radam, lr = 0.5)
  expect_identical(made$param_groups[[1]]$lr, 0.5)
  expect_length(made$param_groups[[1]]$params, 2)
})
