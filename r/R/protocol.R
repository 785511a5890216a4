protocol_version <- 1L

implementations <- function() {
  torch <- list(describe = describe_torch, run = run_torch, schedule = run_torch_schedule, train = train_torch)
  list(
    "base-r" = list(describe = describe_base_r, run = run_base_r),
    "r-torch" = torch,
    "r-torch-ignite" = torch,
    "r-crossoptim" = list(describe = describe_own_torch, run = run_own_torch, train = train_own_torch)
  )
}

#' Answer one request of the protocol
#'
#' @param line One JSON object as text: a `describe`, `run`, `schedule`, `train` or `stop` request.
#' @return One JSON object as text, on one line. An error becomes an answer with `"outcome": "error"`;
#'   this function never throws, and whatever it prints goes to standard error.
#' @examples
#' handle('{"command": "describe", "implementation": "base-r"}')
#' @export
handle <- function(line) {
  # Printing by a library must not reach standard output: that belongs to the protocol.
  sink(stderr())
  on.exit(sink())
  calls <- NULL
  tryCatch(
    withCallingHandlers(
      to_json(dispatch(from_json(line))),
      error = function(e) if (is.null(calls)) calls <<- sys.calls()
    ),
    crossoptim_unsupported = function(e) to_json(list(outcome = "unsupported", reason = conditionMessage(e))),
    error = function(e) to_json(error_answer(e, calls))
  )
}

#' Speak the protocol on standard input and output
#'
#' Reads one request a line and writes one answer a line until the request `stop` or the end of the input. Meant
#' for `Rscript -e 'crossoptim::serve()'`.
#'
#' @return Nothing.
#' @export
serve <- function() {
  input <- file("stdin", open = "r", encoding = "UTF-8")
  on.exit(close(input))
  while (length(line <- readLines(input, n = 1, warn = FALSE)) > 0) {
    if (is_stop(line)) {
      break
    }
    if (nzchar(trimws(line))) {
      cat(handle(line), "\n", sep = "")
      flush(stdout())
    }
  }
  invisible()
}

is_stop <- function(line) {
  # No other request is this short; the long ones are not parsed twice.
  nchar(line) < 100 && tryCatch(identical(from_json(line)$command, "stop"), error = function(e) FALSE)
}

dispatch <- function(request) {
  if (!is.list(request) || is.null(names(request))) {
    abort("the request is not a JSON object", "crossoptim_request_error")
  }
  if (!is.null(request$protocol) && !isTRUE(request$protocol == protocol_version)) {
    abort(
      sprintf("the request speaks protocol %s (this runner speaks %d)", format(request$protocol), protocol_version),
      "crossoptim_request_error"
    )
  }
  switch(as.character(request$command %||% "none"),
    describe = {
      facts <- find_implementation(request)$describe()
      c(list(outcome = "ok", protocol = protocol_version, implementation = request$implementation), facts)
    },
    run = list(outcome = "ok", trajectory = find_implementation(request)$run(request)),
    schedule = {
      schedule <- find_implementation(request)$schedule
      if (is.null(schedule)) {
        unsupported(sprintf("%s has no schedules", request$implementation))
      }
      list(outcome = "ok", rates = schedule(request))
    },
    train = {
      train <- find_implementation(request)$train
      if (is.null(train)) {
        unsupported(sprintf("%s trains no network", request$implementation))
      }
      train(request)
      list(outcome = "ok")
    },
    stop = list(outcome = "ok"),
    abort(
      sprintf("unknown command '%s' (expected describe, run, schedule, train or stop)", request$command %||% "none"),
      "crossoptim_request_error"
    )
  )
}

find_implementation <- function(request) {
  known <- implementations()
  name <- as.character(request$implementation %||% "none")
  if (!name %in% names(known)) {
    abort(
      sprintf("unknown implementation '%s' (expected %s)", name, paste(names(known), collapse = ", ")),
      "crossoptim_request_error"
    )
  }
  known[[name]]
}

error_answer <- function(error, calls) {
  # libtorch's messages carry their C++ frames: those belong to the traceback.
  parts <- strsplit(conditionMessage(error), "\nException raised from", fixed = TRUE)[[1]]
  frames <- vapply(error$calls %||% calls, function(call) strtrim(deparse(call, nlines = 1)[1], 100), "")
  machinery <- "^(\\w*[tT]ryCatch\\w*|withCallingHandlers|stop|abort|\\.handleSimpleError|\\(function|h)\\("
  frames <- utils::tail(frames[!grepl(machinery, frames)], 8)
  list(
    outcome = "error",
    class = error$error_class %||% class(error)[1],
    message = if (length(parts) > 0) parts[1] else "",
    traceback = paste(c(frames, if (length(parts) > 1) utils::head(strsplit(parts[2], "\n")[[1]], 1)), collapse = "\n")
  )
}

`%||%` <- function(a, b) if (is.null(a)) b else a
