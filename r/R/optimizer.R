# Optimizers for R torch, made from the rules of the specification. The functions are in optimizers-generated.R.

#' Optimizers for R torch, made from the specification
#'
#' Each `optim_*` of this package is an equation of the specification, the one that the golden trajectories are made
#' with, evaluated on R torch's tensors. The names, order and defaults of the arguments are those of R torch where it
#' has the optimizer, else PyTorch's, else the specification's; what these libraries have no argument for follows
#' after. They are optimizers of R torch, classes of [torch::optimizer()], and are used as its own are: with closures,
#' parameter groups, `$state_dict()` and R torch's `lr_*` schedulers. Where R torch has an optimizer of the same name,
#' write `torch::` or `crossoptim::` before it.
#'
#' @section How they differ from R torch's:
#' * `$zero_grad()` sets gradients to `NULL`, as PyTorch does, so that a parameter that takes no part in the next loss
#'   stays where it is. `$zero_grad(set_to_none = FALSE)` leaves zeros.
#' * Options are checked, with the specification's intervals, when a group is made or added, when a state is loaded, and
#'   at every step, before anything changes: a scheduler cannot set what the constructor refuses. The error is of class
#'   `crossoptim_value_error` and names option, value and interval.
#' * Gradients are left as they are. A parameter cannot be in two groups.
#' * `$load_state_dict()` replaces the state, and refuses one that does not fit.
#' * `$at_gradient_point(code)` runs `code` while the parameters are where the optimizer wants its gradient: Nesterov's
#'   lookahead, or the point of Schedule-Free methods. For all others that is the parameter, and nothing moves. A
#'   training loop without closures runs forward and backward inside it; `$step()` calls a closure there.
#'
#' @section Kernels:
#' An elementwise rule (all but Adafactor, LAMB, LARS, Muon and L-BFGS) steps all parameters of a group by one call of a
#' C function that is made from the rule's equation. It works on the tensors' own memory: one pass, nothing is copied,
#' with the threads of [torch::torch_set_num_threads()]. Each operation is rounded in the order in which it is written,
#' as in the golden trajectories; half precision is computed in float32 and rounded when it is stored. Parameters and
#' state are changed in place, and autograd notices.
#'
#' The function is compiled the first time that it is needed, by `R CMD SHLIB`, and kept in
#' `tools::R_user_dir("crossoptim", "cache")`, or where the environment variable `CROSSOPTIM_CACHE` says. No compilation
#' follows when shapes or numbers change; a term that is switched on or off is another equation. Without a C compiler R
#' torch's operations do the work, and a warning of class `crossoptim_slow` says so once. They also step what no kernel
#' takes: parameters on other devices or with gaps in memory, and gradients that are sparse or lie otherwise in memory.
#' `optimizer$kernels <- FALSE` leaves everything to them.
#'
#' @name crossoptim_optimizers
#' @aliases crossoptim_optimizer
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' model <- torch::nn_linear(2, 1)
#' x <- torch::torch_randn(8, 2)
#' optimizer <- optim_schedule_free_adamw(model$parameters, lr = 0.1)
#' for (i in 1:5) {
#'   optimizer$zero_grad()
#'   optimizer$at_gradient_point({
#'     loss <- model(x)$square()$mean()
#'     loss$backward()
#'   })
#'   optimizer$step()
#' }
NULL

utils::globalVariables(c("self", "super"))

optimizer_classes <- new.env(parent = emptyenv())

# What an `optim_*` returns; `frame` holds its arguments.
new_optimizer <- function(name, frame) {
  binding <- optimizer_bindings[[name]]
  defaults <- formals(get(name, envir = topenv()))
  for (argument in names(defaults)[!nzchar(as.character(defaults))]) {
    if (eval(call("missing", as.name(argument)), frame)) {
      abort(sprintf("%s: %s is needed", name, argument), "crossoptim_value_error", option = argument)
    }
  }
  optimizer_generator(name, binding)(frame$params, mget(names(binding$args), envir = frame))
}

# R torch's class of an optimizer, made when it is first asked for: R torch may not be there when the package is loaded.
optimizer_generator <- function(name, binding) {
  if (is.null(optimizer_classes[[name]])) {
    need_torch()
    if (is.null(optimizer_classes[["crossoptim_optimizer"]])) {
      optimizer_classes[["crossoptim_optimizer"]] <- do.call(
        torch::optimizer, c(list("crossoptim_optimizer", binding = NULL), optimizer_methods)
      )
    }
    methods <- if (specification()$rules[[binding$rule]]$kind == "closure") closure_optimizer_methods
    optimizer_classes[[name]] <- do.call(
      torch::optimizer, c(list(name, inherit = optimizer_classes[["crossoptim_optimizer"]], binding = binding), methods)
    )
  }
  optimizer_classes[[name]]
}

optimizer_methods <- list( # nolint: cyclocomp_linter.
  kernels = TRUE,
  initialize = function(params, defaults) {
    if (is.list(params) && length(params) == 0) {
      abort(
        sprintf("%s: params is empty (expected tensors, or groups of them)", self$binding$name),
        "crossoptim_value_error"
      )
    }
    group_setting(self$binding, defaults)
    super$initialize(params, defaults)
  },
  add_param_group = function(param_group) {
    if (is_torch(param_group$params)) {
      param_group$params <- list(param_group$params)
    }
    missing <- setdiff(names(self$defaults), names(param_group))
    setting <- group_setting(self$binding, c(param_group, self$defaults[missing]))
    held <- lapply(self$param_groups, function(group) group$params)
    check_params(self$binding$name, setting, param_group$params, unlist(held))
    super$add_param_group(param_group)
  },
  zero_grad = function(set_to_none = TRUE) {
    if (!set_to_none) {
      return(super$zero_grad())
    }
    memory <- if (length(self$batches) > 0) torch_memory()
    # R torch's own way of doing this refuses gradients that are views.
    for (group in self$param_groups) {
      if (!is.null(memory)) {
        .Call(memory$drop_gradients, group$params)
      } else {
        for (param in group$params) param$grad <- NULL
      }
    }
  },
  step = function(closure = NULL) {
    plans <- self$read_groups()
    loss <- NULL
    if (!is.null(closure)) {
      loss <- self$at_gradient_point(closure())
      plans <- self$read_groups()
    }
    memory <- if (isTRUE(self$kernels)) torch_memory()
    params <- lapply(self$param_groups, function(group) group$params)
    gradients <- Map(find_gradients, params, plans, list(self$binding), list(memory))
    # Batches of the last step know the state as it was then.
    known <- if (identical(self$last_map, self$state$map)) self$batches
    self$batches <- list()
    for (i in seq_along(plans)) {
      left <- step_by_kernels(self, i, gradients[[i]], plans[[i]], memory, known)
      if (!all(vapply(left, is.null, NA))) {
        torch::with_no_grad(step_group(params[[i]], left, plans[[i]], self$binding, self$state))
      }
    }
    self$last_map <- self$state$map
    loss
  },
  # What the groups' options say now; they are read anew where they have changed.
  read_groups = function() {
    self$plans <- lapply(seq_along(self$param_groups), function(i) {
      options <- self$param_groups[[i]][names(self$binding$args)]
      known <- if (i <= length(self$plans)) self$plans[[i]]
      if (identical(options, known$options)) known else group_plan(self$binding, options)
    })
    self$plans
  },
  at_gradient_point = function(code) {
    moved <- list()
    on.exit(torch::with_no_grad(for (entry in moved) entry$param$copy_(entry$value)))
    plans <- self$read_groups()
    torch::with_no_grad({
      for (i in which(vapply(plans, function(plan) length(plan$points) > 0, NA))) {
        for (param in self$param_groups[[i]]$params) {
          point <- wanted_point(self$binding, plans[[i]], param, self$state$get(param))
          if (!is.null(point)) {
            moved <- c(moved, list(list(param = param, value = param$clone())))
            param$copy_(point)
          }
        }
      }
    })
    torch::with_enable_grad(code)
  },
  load_state_dict = function(state_dict, ...) {
    params <- check_state_dict(self$binding, self$param_groups, state_dict)
    for (index in names(state_dict$state)) {
      state_dict$state[[index]] <- taken_up(self$binding, state_dict$state[[index]], params[[as.integer(index)]])
    }
    self$state$map <- list()
    super$load_state_dict(state_dict, ...)
  }
)
