# Runs halves of cases with R's optimizers, for test_state_r.py: Rscript relay.R jobs.json answers.json
suppressMessages(library(crossoptim))

own <- function(name) getFromNamespace(name, "crossoptim")
row_tensor <- own("row_tensor")

# The options that are given, in the names of the class.
called <- function(binding, values) {
  binding$args <- Filter(function(ours) all(unlist(ours) %in% names(values)), binding$args)
  lapply(own("foreign_arguments")(binding, values), function(value) {
    if (is.list(value)) vapply(value, function(x) if (is.null(x)) NA_real_ else x, 0) else value
  })
}

constructor <- function(job) {
  if (job$library == "r-crossoptim") {
    named <- Filter(function(binding) binding$optimizer == job$optimizer, own("optimizer_bindings"))[[1]]
    return(list(make = getExportedValue("crossoptim", named$name), binding = named))
  }
  classes <- own("library_classes")(job$library)
  list(make = getExportedValue("torch", job$class), binding = classes[[job$class]])
}

rows_of <- function(view) {
  lapply(view$read(), function(one) c(list(params = I(one$row)), lapply(one$state, function(held) I(held$data))))
}

# The steps of an optimizer that chooses where to evaluate.
converse <- function(job, optimizer, params, dtype, view) {
  loss <- own("compile_objective")(job$objective, params, dtype)
  evaluations <- list()
  steps <- lapply(seq_len(job$steps), function(step) {
    seen <- own("new_evaluations")(names(params))
    optimizer$step(function() {
      optimizer$zero_grad()
      value <- loss()
      value$backward()
      seen$add(params, value)
      value
    })
    evaluations[[step]] <<- seen$columns()
    lapply(rows_of(view), `[`, "params")
  })
  list(steps = steps, evaluations = evaluations)
}

run <- function(job) {
  reference <- job$library == "base-r"
  dtype <- if (!reference) own("torch_dtype")(job$dtype)
  params <- lapply(job$params, function(param) {
    row <- own("read_row")(param$data)
    shape <- as.integer(unlist(param$shape))
    if (reference) return(own("saved_array")(list(data = row, shape = shape)))
    row_tensor(row, shape, dtype)$requires_grad_(TRUE)
  })
  if (reference) {
    groups <- lapply(job$groups, function(group) c(list(params = params[unlist(group$params)]), group$values))
    optimizer <- reference_optimizer(job$optimizer, groups, dtype = job$dtype)
    names <- NULL
  } else {
    class <- constructor(job)
    groups <- lapply(job$groups, function(group) c(list(params = unname(params[unlist(group$params)])), called(class$binding, group$values)))
    optimizer <- do.call(class$make, c(list(params = groups), groups[[1]]["lr"]))
    names <- params
  }
  if (!is.null(job$load)) load_optimizer_state(optimizer, job$load, names)
  view <- own("state_view")(optimizer, names)
  if (!is.null(job$objective)) {
    found <- converse(job, optimizer, params, dtype, view)
    if (!is.null(job$save)) save_optimizer_state(optimizer, job$save, names)
    return(found)
  }
  steps <- lapply(seq_len(job$steps), function(step) {
    rows <- lapply(job$gradients, function(rows) own("read_row")(rows[[step]]))
    if (reference) {
      optimizer$step(Map(function(row, param) {
        if (!is.null(row)) own("saved_array")(list(data = row, shape = as.integer(unlist(param$shape))))
      }, rows, job$params[names(rows)]))
    } else {
      for (name in names(params)) {
        param <- params[[name]]
        param$grad <- if (!is.null(rows[[name]])) row_tensor(rows[[name]], param$shape, dtype)
      }
      optimizer$step()
    }
    rows_of(view)
  })
  if (!is.null(job$save)) save_optimizer_state(optimizer, job$save, names)
  list(steps = steps)
}

files <- commandArgs(trailingOnly = TRUE)
torch::torch_set_num_threads(1)
jobs <- own("from_json")(paste(readLines(files[1], warn = FALSE), collapse = ""))
answers <- lapply(jobs, function(job) tryCatch(run(job), error = function(e) list(error = conditionMessage(e))))
writeLines(own("to_json")(answers), files[2])
