# How fast the R package's optimizers step, beside R torch's, in one run:
#
#   Rscript benchmarks/kernels.R [--threads N] [--rounds N] [--json FILE] [optim_adam ...]
#
# Milliseconds of a `$step()`, float32 on the CPU: medians over rounds in which everybody takes one step, so that what
# slows the machine slows all of them. Beside each optimizer step R torch's of the same name, in R (`torch`) and in C++
# (`ignite`), and as yardsticks for those that it lacks its `optim_adam` and `optim_ignite_adam`; "x" is how many times
# longer than ours these two take. Without names: every optimizer with an elementwise rule.

suppressMessages(library(crossoptim))

workloads <- list(`100x1000` = c(100, 1000), `1x10M` = c(1, 1e7))

read_arguments <- function(arguments) {
  out <- list(threads = 2, rounds = 15, json = NULL, names = character())
  while (length(arguments) > 0) {
    option <- sub("^--", "", arguments[1])
    if (startsWith(arguments[1], "--") && option %in% c("threads", "rounds", "json") && length(arguments) > 1) {
      out[[option]] <- if (option == "json") arguments[2] else as.integer(arguments[2])
      arguments <- arguments[-2]
    } else if (arguments[1] %in% elementwise()) {
      out$names <- c(out$names, arguments[1])
    } else {
      stop(arguments[1], " is not known (expected --threads N, --rounds N, --json FILE, ", toString(elementwise()), ")")
    }
    arguments <- arguments[-1]
  }
  out
}

# The functions of the package whose rule is elementwise.
elementwise <- function() {
  rules <- specification()$rules
  names <- grep("^optim_", getNamespaceExports("crossoptim"), value = TRUE)
  is_one <- function(name) rules[[attr(getExportedValue("crossoptim", name), "binding")$rule]]$kind == "elementwise"
  sort(Filter(is_one, names))
}

# A function that takes a step of an optimizer over tensors of its own.
stepper <- function(package, name, workload) {
  constructor <- getExportedValue(package, name)
  params <- lapply(seq_len(workload[1]), function(i) {
    param <- torch::torch_randn(workload[2], requires_grad = TRUE)
    param$grad <- torch::torch_randn(workload[2])
    param
  })
  optimizer <- constructor(params, lr = 1e-3)
  function() optimizer$step()
}

# Median milliseconds of a step, by contender.
measure <- function(name, workload, rounds) {
  namesakes <- c(torch = name, ignite = sub("^optim_", "optim_ignite_", name))
  known <- getNamespaceExports("torch")
  theirs <- c(namesakes[namesakes %in% known], adam = "optim_adam", ignite_adam = "optim_ignite_adam")
  steps <- c(list(ours = stepper("crossoptim", name, workload)), lapply(theirs, stepper, package = "torch", workload))
  for (step in rep(steps, 2)) step()
  taken <- vapply(seq_len(rounds), function(round) {
    vapply(steps, function(step) {
      start <- Sys.time()
      step()
      1e3 * as.numeric(Sys.time() - start, units = "secs")
    }, 0)
  }, numeric(length(steps)))
  apply(matrix(taken, length(steps), dimnames = list(names(steps), NULL)), 1, stats::median)
}

asked <- read_arguments(commandArgs(TRUE))
torch::torch_set_num_threads(asked$threads)
columns <- c("ours", "torch", "ignite", "adam", "ignite_adam")
results <- list()
for (workload in names(workloads)) {
  cat(sprintf("\n%s float32, %d threads\n", workload, asked$threads))
  cat(sprintf("%-28s%s %11s %16s\n", "ms", paste(sprintf("%12s", columns), collapse = ""), "x adam", "x ignite_adam"))
  for (name in if (length(asked$names) > 0) asked$names else elementwise()) {
    found <- measure(name, workloads[[workload]], asked$rounds)
    gc(FALSE)
    shown <- ifelse(is.na(found[columns]), "-", sprintf("%.2f", found[columns]))
    ratios <- found[c("adam", "ignite_adam")] / found[["ours"]]
    cat(sprintf("%-28s%s %11.1f %16.1f\n", name, paste(sprintf("%12s", shown), collapse = ""), ratios[1], ratios[2]))
    results[[length(results) + 1]] <- c(list(optimizer = name, workload = workload), as.list(found))
  }
}
if (!is.null(asked$json)) {
  about <- list(
    threads = asked$threads, rounds = asked$rounds, R = R.version.string, torch = format(packageVersion("torch")),
    milliseconds = results
  )
  writeLines(jsonlite::toJSON(about, auto_unbox = TRUE, digits = 6, pretty = TRUE), asked$json)
}
