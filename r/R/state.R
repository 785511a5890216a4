# An optimizer's state in one safetensors file, which another library, in another language, goes on from.

state_key <- "crossoptim"
state_format <- "crossoptim/state/1"

#' Save an optimizer's state, and go on from it in another library or language
#'
#' `save_optimizer_state()` writes parameters, state, step counts and the groups with all their options to one
#' safetensors file, under the specification's names. `load_optimizer_state()` goes on from there: in R with R torch's
#' optimizers (`optim_*` and `optim_ignite_*`), with this package's own, with [python_optimizer()] and with
#' [reference_optimizer()]; in Python, where `crossoptim.save_optimizer_state()` and `crossoptim.load_optimizer_state()`
#' do the same, with those of `torch.optim` and of crossoptim.
#'
#' The options of the file replace those of the optimizer's groups. A learning-rate scheduler's own state is not in the
#' file.
#'
#' R torch's `optim_lbfgs` goes on from a file as it does when it is not interrupted: its `$load_state_dict()`, which
#' would freeze the state, is given an environment.
#'
#' @param optimizer An optimizer: of R torch or of this package, or a [python_optimizer()] or [reference_optimizer()].
#'   To load, it is one of the same rule, over the same parameters in the same groups. It is changed in place.
#' @param file The name of the file. It is written whole or not at all.
#' @param names The parameters of a torch optimizer by name: a named list of tensors, such as `model$parameters`;
#'   further tensors in it do not matter. Without, the names of the list that the optimizer was given, else their
#'   numbers over all groups, from zero as in Python: `"0"`, `"1"`, ...
#' @param parameters Whether the values of the parameters are saved, or loaded, too. Where they are not loaded, they are
#'   expected to be what they were when the file was saved.
#' @return `save_optimizer_state()`: `file`. `load_optimizer_state()`: `optimizer`. Both invisibly. Errors are
#'   conditions of class `crossoptim_error`, with the subclasses `crossoptim_state_mismatch` (the file does not fit;
#'   `differences` lists all that differs, and nothing was changed), `crossoptim_file_error` (it is missing, damaged, or
#'   something else) and `crossoptim_value_error`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' model <- torch::nn_linear(2, 1)
#' optimizer <- torch::optim_adam(model$parameters, lr = 0.1)
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- model(torch::torch_ones(4, 2))$square()$mean()
#'   loss$backward()
#'   loss
#' })
#' file <- tempfile(fileext = ".safetensors")
#' save_optimizer_state(optimizer, file, names = model$parameters)
#'
#' # Go on with libtorch's Adam. In Python it would be
#' # crossoptim.load_optimizer_state(optimizer, file, model.named_parameters())
#' other <- torch::optim_ignite_adam(model$parameters)
#' load_optimizer_state(other, file, names = model$parameters)
#' other$param_groups[[1]]$lr
#' @export
save_optimizer_state <- function(optimizer, file, names = NULL, parameters = TRUE) {
  check_file_name(file)
  view <- state_view(optimizer, names)
  write_state(file, snapshot(view, parameters))
  invisible(file)
}

#' @rdname save_optimizer_state
#' @export
load_optimizer_state <- function(optimizer, file, names = NULL, parameters = TRUE) {
  check_file_name(file)
  view <- state_view(optimizer, names)
  saved <- read_state(file)
  found <- state_differences(saved, view, parameters)
  if (length(found) > 0) {
    abort(
      sprintf("%s: does not fit %s: %s", file, view$label, paste(found, collapse = "; ")),
      "crossoptim_state_mismatch",
      differences = found
    )
  }
  view$put(saved, parameters)
  invisible(optimizer)
}

# What saving and loading need of an optimizer: a list of
# * `label`, for messages; `library`, for the file; `rule`;
# * `groups`: for each its `params` (names), its `values`, and the `binding` that says what the class can be told;
# * `shapes` and `dtypes` of the parameters by name;
# * `read()`: for each parameter a list of its `row`, `step`, `kept` and `state` (variable to list of shape and data);
# * `put(saved, parameters)`: go on from a saved state that fits;
# * `stuck`, where there are some: the parameters whose state cannot be taken from them.
state_view <- function(optimizer, names = NULL) {
  UseMethod("state_view")
}

#' @noRd
#' @export
state_view.default <- function(optimizer, names = NULL) {
  abort(
    sprintf("optimizer is a %s (expected an optimizer of R torch or of crossoptim)", class(optimizer)[1]),
    "crossoptim_value_error"
  )
}

snapshot <- function(view, parameters) {
  found <- view$read()
  tensors <- list()
  described <- list()
  for (name in names(view$shapes)) {
    dtype <- view$dtypes[[name]]
    if (!dtype %in% names(safetensors_names)) {
      abort(sprintf("parameter %s is %s (expected float32 or float64)", name, dtype), "crossoptim_value_error")
    }
    one <- found[[name]]
    if (parameters) {
      tensors[[param_tensor(name)]] <- list(dtype = dtype, shape = view$shapes[[name]], data = one$row)
    }
    for (variable in names(one$state)) {
      tensors[[state_tensor(name, variable)]] <- c(list(dtype = dtype), one$state[[variable]])
    }
    described[[name]] <- list(shape = view$shapes[[name]], dtype = dtype, step = one$step, kept = one$kept)
  }
  list(
    library = view$library, rule = view$rule, parameters = described, tensors = tensors,
    groups = lapply(view$groups, function(group) group[c("params", "values")])
  )
}

param_tensor <- function(name) paste0("params/", name)

state_tensor <- function(name, variable) paste0("state/", name, "/", variable, recycle0 = TRUE)

# A parameter's state variables that a saved state holds.
saved_variables <- function(saved, name) {
  variables <- state_variables(saved$rule)
  there <- state_tensor(name, variables) %in% names(saved$tensors)
  stats::setNames(saved$tensors[state_tensor(name, variables[there])], variables[there])
}

state_variables <- function(rule) {
  if (chooses(rule)) history_variables else vapply(specification()$rules[[rule]]$state, function(one) one$name, "")
}

# Whether an optimizer chooses itself where to evaluate.
chooses <- function(rule) {
  identical(specification()$rules[[rule]]$kind, "closure")
}

write_state <- function(file, saved) {
  whole <- function(x) lapply(unname(as.list(x)), as.integer)
  metadata <- list(
    format = state_format, library = saved$library, rule = saved$rule,
    groups = lapply(saved$groups, function(group) list(params = as.list(group$params), values = group$values)),
    parameters = lapply(saved$parameters, function(one) {
      list(
        shape = whole(one$shape), dtype = one$dtype, step = if (!is.null(one$step)) as.integer(one$step),
        kept = wire_object(one$kept)
      )
    })
  )
  write_safetensors(file, saved$tensors, stats::setNames(list(to_json(metadata)), state_key))
}

read_state <- function(file) {
  refuse <- function(...) {
    abort(sprintf("%s: %s", file, sprintf(...)), "crossoptim_file_error")
  }
  held <- read_safetensors(file)
  text <- held$metadata[[state_key]]
  if (is.null(text)) {
    refuse("no metadata '%s' (expected a file of save_optimizer_state())", state_key)
  }
  data <- tryCatch(from_json(text), error = function(e) NULL)
  if (!is.list(data) || !identical(data$format, state_format)) {
    found <- if (is.list(data) && is_text(data$format)) data$format else "unknown"
    refuse("format %s (expected %s)", found, state_format)
  }
  if (!is_text(data$rule) || !data$rule %in% names(specification()$rules)) {
    refuse("rule %s is not known", if (is_text(data$rule)) data$rule else "without a name")
  }
  groups <- lapply(data$groups, function(group) {
    values <- tryCatch(
      saved_setting(data$rule, group$values),
      crossoptim_error = function(e) refuse("%s", conditionMessage(e))
    )
    list(params = as.character(unlist(group$params)), values = values)
  })
  parameters <- tryCatch(lapply(data$parameters, read_parameter), error = function(e) {
    refuse("the metadata's parameters are not as described (%s)", conditionMessage(e))
  })
  members <- unlist(lapply(groups, function(group) group$params))
  if (length(members) == 0 || !setequal(members, names(parameters)) || anyDuplicated(members) > 0) {
    refuse("the groups' parameters are %s (expected each of %s once)", toString(members), toString(names(parameters)))
  }
  list(rule = data$rule, groups = groups, parameters = parameters, tensors = held$tensors, library = data$library)
}

saved_setting <- function(rule, values) {
  missing <- setdiff(names(rule_options(specification()$rules[[rule]])), names(values))
  if (length(missing) > 0) {
    abort(sprintf("%s: the groups do not say %s", rule, toString(missing)), "crossoptim_value_error")
  }
  rule_setting(rule, values)$values
}

read_parameter <- function(one) {
  stopifnot(all(vapply(one$shape, is_count, NA)), is_text(one$dtype), is.null(one$step) || is_count(one$step))
  list(
    shape = as.integer(unlist(one$shape)), dtype = one$dtype, step = one$step,
    kept = lapply(one$kept, read_number)
  )
}

check_file_name <- function(file) {
  if (!is_text(file) || is.na(file) || !nzchar(file)) {
    abort("file is not the name of a file", "crossoptim_value_error")
  }
}
