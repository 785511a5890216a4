# The golden cases that the package carries.

#' The golden cases, and the optimizers that have some
#'
#' A golden case is one run of an optimizer: a problem with its start point, hyperparameters, a dtype, a number of
#' steps, perhaps events on the way (a learning rate that changes, a parameter without a gradient, a resumed run), and
#' what the specification computes at every step.
#'
#' @param optimizer The name of an optimizer of the specification (`"adam"`, or a preset such as `"adamw"`): all its
#'   cases. Or the name of a class of R torch or of this package (`"optim_adam"`, `"optim_ignite_adam"`,
#'   `"optim_lion"`): the cases that this class can run, of whatever name, by the arguments that it has.
#' @param library `NULL` for the names of the specification; `"r-torch"`, `"r-torch-ignite"` or `"crossoptim"` for the
#'   classes of R torch, of R torch's ignite or of this package that the specification knows.
#' @return A character vector: the ids of cases for [read_case()], or names of optimizers.
#' @examples
#' golden_optimizers()
#' golden_optimizers("r-torch")
#' golden_cases("lion")
#' head(golden_cases("optim_adam"))
#' @export
golden_cases <- function(optimizer) {
  ids <- case_ids()
  if (is.character(optimizer) && length(optimizer) == 1 && startsWith(optimizer, "optim_")) {
    binding <- class_binding(optimizer)
    if (is.null(binding)) {
      unknown_name("class", optimizer, unlist(lapply(libraries(), golden_optimizers)), "crossoptim_unknown_optimizer")
    }
    ids <- ids[rule_of_id(ids) == binding$rule]
    return(Filter(function(id) is.null(why_unsupported(binding, read_case(id))), ids))
  }
  find_optimizer(optimizer)
  ids[dirname(ids) == optimizer]
}

#' @rdname golden_cases
#' @export
golden_optimizers <- function(library = NULL) {
  if (is.null(library)) {
    return(unique(dirname(case_ids())))
  }
  names(library_classes(library))
}

# Ids of trajectories; the fixtures also hold schedules and refusals, which are none.
case_ids <- function() {
  ids <- sub("^golden/", "", grep("^golden/", fixture_names(), value = TRUE))
  ids[!grepl("^(schedules|refusals)/", ids)]
}

rule_of_id <- function(ids) {
  optimizers <- dirname(ids)
  presets <- presets_of(specification()$rules)
  ifelse(optimizers %in% names(presets), presets[optimizers], optimizers)
}

#' Read a golden case
#'
#' @param id The id of a case, see [golden_cases()].
#' @return An object of class `golden_case`, a list:
#'   * `id`, `comment`, `flags` (what can go wrong in it; [print()] says what they mean),
#'   * `optimizer`, `rule`, `hyper` (the options that are not at their default), `problem`, `dtype`, `steps`,
#'   * `groups`, `events` and `settings`: all options of every group, each with the step from which it holds,
#'   * `initial`: parameter to `shape` and `data` (one row of numbers, row-major),
#'   * `scalars`: parameter to a list with one entry a step, the numbers that the update uses besides the options,
#'   * `fresh`: where gradients accumulate, what each backward pass added,
#'   * `golden`: the golden trajectory, see [golden_trajectory()].
#' @examples
#' case <- read_case("adam/amsgrad-ravine-f64")
#' case
#' case$golden$params$x[[30]]
#' @export
read_case <- function(id) {
  if (inherits(id, "golden_case")) {
    return(id)
  }
  if (!is.character(id) || length(id) != 1 || !id %in% case_ids()) {
    unknown_name("golden case", id, case_ids(), "crossoptim_unknown_case", "an id of golden_cases()")
  }
  data <- fixture(paste0("golden/", id))
  case <- data[c(
    "id", "comment", "topic", "flags", "optimizer", "rule", "hyper", "problem", "dtype", "steps", "groups", "events",
    "equations", "settings"
  )]
  case$flags <- as.character(unlist(case$flags))
  case$initial <- lapply(data$initial, read_table)
  names <- names(case$initial)
  case$scalars <- lapply(stats::setNames(nm = names), read_scalars, data$trajectory$scalars, data$steps)
  case$fresh <- lapply(data$trajectory$fresh, function(table) read_table(table)$data)
  case$golden <- read_golden_trajectory(data, names)
  structure(case, class = "golden_case")
}

read_table <- function(table) {
  list(shape = as.integer(unlist(table$shape)), dtype = table$dtype, data = lapply(table$data, read_row))
}

# One list of numbers a step; a number is null where the equation in force does not have it.
read_scalars <- function(name, blocks, steps) {
  block <- Filter(function(block) name %in% unlist(block$params), blocks)
  if (length(block) == 0) {
    return(vector("list", steps))
  }
  columns <- block[[1]][setdiff(names(block[[1]]), "params")]
  lapply(seq_len(steps), function(step) lapply(Filter(length, lapply(columns, `[[`, step)), read_number))
}

read_golden_trajectory <- function(data, names) {
  body <- data$trajectory
  rows <- function(table) lapply(table, function(tensor) read_table(tensor)$data)
  gradients <- rows(body$grads)[names]
  new_trajectory(
    case = data$id, by = "golden", dtype = data$dtype, steps = data$steps,
    shapes = lapply(data$initial, function(table) as.integer(unlist(table$shape))),
    params = rows(body$params)[names],
    state = lapply(stats::setNames(nm = names), function(name) rows(body$state[[name]])),
    gradients = gradients, gradients_after = gradients,
    loss = if (is.null(body$loss)) vector("list", data$steps) else lapply(body$loss, read_number),
    evaluations = lapply(body$evaluations, function(seen) {
      list(
        params = lapply(seen$params, lapply, read_row), gradients = lapply(seen$gradients, lapply, read_row),
        loss = lapply(seen$loss, read_number)
      )
    })
  )
}

# Every spell of a group: its values, the step from which they hold. Spells that a fact about a shape sets apart count
# once.
group_spells <- function(case, group) {
  spells <- Filter(function(spell) spell$group == group, case$settings)
  spells[!duplicated(vapply(spells, function(spell) spell$from_step, 0L))]
}

# A group's values at a step.
group_values <- function(case, group, step) {
  spells <- Filter(function(spell) spell$from_step <= step, group_spells(case, group))
  spells[[length(spells)]]$values
}

# The groups that exist from the start, each as the names of its parameters.
initial_groups <- function(case) {
  if (length(case$groups) > 0) {
    return(lapply(case$groups, function(group) as.character(unlist(group$params))))
  }
  later <- named_in(Filter(function(event) event$kind == "add_group", case$events))
  list(setdiff(names(case$initial), later))
}

# Whether its optimizer chooses itself where to evaluate.
chooses_points <- function(case) {
  identical(specification()$rules[[case$rule]]$kind, "closure")
}

#' @export
format.golden_case <- function(x, ...) {
  entry <- function(key, text) {
    strwrap(text, 100, initial = sprintf("  %-10s ", key), prefix = strrep(" ", 13))
  }
  entries <- function(key, texts) unlist(lapply(texts, entry, key = key))
  shapes <- vapply(x$initial, function(table) sprintf("(%s)", toString(table$shape)), "")
  c(
    sprintf("<golden case %s>", x$id),
    strwrap(x$comment, 100, prefix = "  "),
    entry("optimizer", paste0(x$optimizer, ", ", option_list(x$hyper))),
    entries("group", lapply(x$groups, function(group) {
      paste0(toString(unlist(group$params)), ": ", option_list(group$hyper))
    })),
    entry("problem", sprintf("%s: %s", x$problem, specification()$problems[[x$problem]]$title)),
    entry("parameters", toString(paste(names(shapes), shapes))),
    entry("run", sprintf("%d step%s in %s", x$steps, if (x$steps == 1) "" else "s", x$dtype)),
    entries("event", lapply(x$events, event_text)),
    entries("flag", lapply(x$flags, function(flag) sprintf("%s: %s", flag, specification()$flags[[flag]]$title)))
  )
}

#' @export
print.golden_case <- function(x, ...) {
  cat(format(x, ...), sep = "\n")
  invisible(x)
}

option_list <- function(values) {
  if (length(values) == 0) {
    return("all options at their default")
  }
  paste(names(values), "=", vapply(values, option_text, ""), collapse = ", ")
}

option_text <- function(value) {
  if (is.null(value)) "none" else if (is.numeric(value)) format(value, digits = 15) else as.character(value)
}

event_text <- function(event) {
  params <- toString(unlist(event$params))
  what <- switch(event$kind,
    set = sprintf("before it, group %d takes %s", event$group + 1L, option_list(event$hyper)),
    add_group = sprintf("before it, %s joins as a new group: %s", params, option_list(event$hyper)),
    none = sprintf("%s has no gradient", params),
    unused = sprintf("%s takes no part in the loss", params),
    accumulate = "the gradient is not zeroed before the backward pass",
    resume = "before it, the state is saved and loaded into a new optimizer",
    frozen = sprintf("%s never has a gradient", params)
  )
  if (is.null(event$step)) what else sprintf("step %d: %s", event$step, what)
}
