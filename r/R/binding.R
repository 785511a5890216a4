# How a class of a library is called for a rule: the names of its arguments and of its state, and what it fixes.

#' Say how an optimizer of one's own is called
#'
#' [run_case()] gives a case's options to an optimizer under the names that its constructor has. It knows those of R
#' torch and of this package, and tries PyTorch's names with any other constructor; this says them where they differ.
#'
#' @param rule The optimizer of the specification that it implements, e.g. `"adam"`.
#' @param args A named list: argument of the constructor to the specification's option, or to several options for an
#'   argument that is a vector, e.g. `list(lr = "lr", betas = c("beta1", "beta2"))`.
#' @param state A named list: state variable of the specification to the name under which the optimizer keeps it, e.g.
#'   `list(m = "exp_avg", v = "exp_avg_sq")`. What is left out is not compared.
#' @param switches A named list of the specification's variants that it implements where they are not the default, e.g.
#'   `list(decay = "decoupled")`.
#' @param kept A named list: number of the specification that is kept from step to step, to the optimizer's name for it.
#' @param spellings A named list: argument to a list of the specification's values with the optimizer's, where they
#'   differ.
#' @param bounds A named list: option to the interval that the constructor admits, where it is narrower than the
#'   specification's, e.g. `list(beta1 = "(0, 1)")`.
#' @param name What to call it in messages.
#' @return A list for the argument `binding` of [run_case()].
#' @examples
#' optimizer_binding(
#'   "sgd",
#'   args = list(lr = "lr", momentum = "momentum"), state = list(velocity = "buffer")
#' )
#' @export
optimizer_binding <- function(rule, args = list(), state = list(), switches = list(), kept = list(), spellings = list(),
                              bounds = list(), name = "the optimizer") {
  found <- find_optimizer(rule)$rule
  known <- specification()$rules[[found]]
  options <- rule_options(known)
  members <- function(part) vapply(known[[part]], function(one) one$name, "")
  check_names <- function(what, given, admitted) {
    wrong <- setdiff(given, admitted)
    if (length(wrong) > 0) {
      abort(
        sprintf("%s of %s: there is no '%s' (expected one of %s)", what, found, wrong[1], toString(admitted)),
        "crossoptim_value_error"
      )
    }
  }
  check_names("args", unlist(args), names(options))
  check_names("state", names(state), members("state"))
  check_names("switches", names(switches), members("switches"))
  check_names("kept", names(kept), members("kept"))
  check_names("bounds", names(bounds), members("hyper"))
  check_names("spellings", names(spellings), names(args))
  for (switch in names(switches)) {
    checked_option(found, options[[switch]], switches[[switch]])
  }
  list(
    name = name, rule = found, args = args, state = state, switches = switches, kept = kept, spellings = spellings,
    bounds = bounds
  )
}

# The libraries whose classes run in R.
libraries <- function() {
  c("r-torch", "r-torch-ignite", "crossoptim")
}

# A library's classes by name, each with its binding.
library_classes <- function(library) {
  if (!is.character(library) || length(library) != 1 || !library %in% libraries()) {
    unknown_name("library", library, libraries(), "crossoptim_value_error")
  }
  classes <- if (library == "crossoptim") {
    own_bindings()
  } else {
    specification()$ecosystems[[gsub("-", "_", library)]]$classes
  }
  Map(whole_binding, classes, names(classes))
}

# The optimizers for R torch that this package exports.
own_bindings <- function() {
  exported <- grep("^optim_", getNamespaceExports("crossoptim"), value = TRUE)
  bindings <- lapply(stats::setNames(nm = sort(exported)), function(name) {
    attr(getExportedValue("crossoptim", name), "binding")
  })
  Filter(Negate(is.null), bindings)
}

# The binding of a class that is known by name, or NULL.
class_binding <- function(name) {
  known <- do.call(c, lapply(libraries(), library_classes))
  known[[name]]
}

# The binding with which a constructor runs a case.
find_binding <- function(optim, label, case, binding) {
  if (is.null(binding)) {
    binding <- attr(optim, "binding")
  }
  if (is.null(binding)) {
    binding <- class_binding(class_name(optim))
  }
  if (is.null(binding)) {
    binding <- pytorch_binding(optim, case)
  }
  whole_binding(binding, label)
}

# One that names a preset has its rule, and its switches.
whole_binding <- function(binding, name) {
  binding$name <- name
  if (is.null(binding$rule)) {
    binding$rule <- find_optimizer(binding$optimizer)$rule
    binding$switches <- specification()$rules[[binding$rule]]$presets[[binding$optimizer]]$switches
  }
  binding
}

# "optim_adam" for torch::optim_adam.
class_name <- function(optim) {
  name <- if (inherits(optim, "torch_optimizer_generator")) attr(optim, "Optimizer")$classname[1]
  name %||% ""
}

# PyTorch's names for the case's rule, as far as the constructor has them.
pytorch_binding <- function(optim, case) {
  classes <- specification()$ecosystems$pytorch$classes
  values <- case$settings[[1]]$values
  fits <- Filter(function(binding) binding$rule == case$rule && is.null(other_variant(binding, values)), classes)
  if (length(fits) == 0) {
    fits <- list(list(rule = case$rule, args = own_names(case$rule), state = list(), switches = case_switches(case)))
  }
  binding <- fits[[1]]
  if (!"..." %in% names(formals(optim))) {
    binding$args <- binding$args[names(binding$args) %in% names(formals(optim))]
  }
  binding
}

# The specification's own names, for a rule that PyTorch does not have.
own_names <- function(rule) {
  hyper <- vapply(specification()$rules[[rule]]$hyper, function(option) option$name, "")
  stats::setNames(as.list(hyper), hyper)
}

case_switches <- function(case) {
  switches <- vapply(specification()$rules[[case$rule]]$switches, function(switch) switch$name, "")
  case$settings[[1]]$values[switches]
}

# The argument that sets an option, or a part of it; NULL where there is none.
foreign_argument <- function(binding, option) {
  sets <- vapply(binding$args, function(ours) option %in% unlist(ours), NA)
  if (any(sets)) names(binding$args)[sets][1]
}

# The first switch that a class cannot run as the values have it, or NULL.
other_variant <- function(binding, values) {
  for (switch in specification()$rules[[binding$rule]]$switches) {
    wanted <- values[[switch$name]]
    argument <- foreign_argument(binding, switch$name)
    spelled <- if (!is.null(argument)) binding$spellings[[argument]]
    runs <- if (is.null(argument)) {
      identical(wanted, binding$switches[[switch$name]] %||% switch$default)
    } else {
      is.null(spelled) || wanted %in% names(spelled)
    }
    if (!runs) {
      return(sprintf("%s = %s", switch$name, wanted))
    }
  }
}

# Why a class cannot run a case, or NULL: another rule or variant, an option without an argument, a start outside its
# bounds.
why_unsupported <- function(binding, case) {
  if (binding$rule != case$rule) {
    return(sprintf("%s implements %s (the case is one of %s)", binding$name, binding$rule, case$rule))
  }
  first <- case$settings[[1]]$values
  variant <- other_variant(binding, first)
  if (!is.null(variant)) {
    return(sprintf("%s does not implement %s with %s", binding$name, case$rule, variant))
  }
  for (option in specification()$rules[[case$rule]]$hyper) {
    differs <- function(spell) !same_value(spell$values[[option$name]], option$default)
    if (is.null(foreign_argument(binding, option$name)) && any(vapply(case$settings, differs, NA))) {
      return(sprintf("%s has no argument for %s", binding$name, option$name))
    }
  }
  for (option in names(binding$bounds)) {
    value <- first[[option]]
    if (!is.null(value) && !in_interval(value, binding$bounds[[option]])) {
      return(sprintf("%s: %s = %s is outside %s", binding$name, option, option_text(value), binding$bounds[[option]]))
    }
  }
}

same_value <- function(a, b) {
  identical(a, b) || (is.numeric(a) && is.numeric(b) && a == b)
}

# Values in the names and words of a class.
foreign_arguments <- function(binding, values) {
  say <- function(argument) {
    ours <- unlist(binding$args[[argument]])
    spelled <- binding$spellings[[argument]]
    if (!is.null(spelled)) {
      spelled[[values[[ours]]]]
    } else if (length(ours) == 1) {
      values[[ours]]
    } else {
      values[ours]
    }
  }
  lapply(stats::setNames(nm = names(binding$args)), say)
}
