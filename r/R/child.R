# A child process that speaks the protocol on its standard streams. Once it has failed it is ended, and stays so.

start_child <- function(command, args, timeout) { # nolint: cyclocomp_linter.
  errors <- tempfile("crossoptim-", fileext = ".stderr")
  label <- paste(c(command, args), collapse = " ")
  process <- tryCatch(
    processx::process$new(
      command, args,
      stdin = "|", stdout = "|", stderr = errors, encoding = "UTF-8", cleanup_tree = TRUE
    ),
    error = function(e) {
      why <- strsplit(conditionMessage(e), "\n")[[1]][1]
      abort(sprintf("%s does not start (%s)", command, why), "crossoptim_python_error")
    }
  )
  # Why it cannot be asked any more.
  gone <- NULL

  end <- function(why) {
    if (is.null(gone)) {
      gone <<- why
      tryCatch(process$kill_tree(), error = function(e) process$kill())
      process$wait(5000)
      unlink(errors)
    }
  }

  fail <- function(message, class = "crossoptim_child_error", ...) {
    end(message)
    abort(message, class, ...)
  }

  ended <- function() {
    process$wait(1000)
    said <- if (file.exists(errors)) readLines(errors, warn = FALSE) else character()
    if (any(grepl("No module named '?crossoptim", said))) {
      fail(
        sprintf(
          "%s has no crossoptim (install it there, or name another Python in options(crossoptim.python = ))",
          command
        ),
        "crossoptim_python_error"
      )
    }
    status <- process$get_exit_status()
    fail(
      sprintf(
        "%s ended without an answer (exit status %s): %s",
        label, if (is.null(status)) "unknown" else format(status),
        if (length(said) > 0) utils::tail(said, 1) else "it wrote nothing to standard error"
      ),
      stderr = said
    )
  }

  late <- function() {
    fail(
      sprintf("%s gave no answer in %g s; it was ended", label, timeout),
      c("crossoptim_timeout_error", "crossoptim_child_error")
    )
  }

  nonsense <- function(what, line) {
    fail(sprintf("%s %s: %s; it was ended", label, what, strtrim(line, 80)))
  }

  write <- function(text, deadline) {
    left <- charToRaw(paste0(text, "\n"))
    while (length(left) > 0) {
      if (Sys.time() > deadline) late()
      before <- length(left)
      left <- tryCatch(process$write_input(left), error = function(e) ended())
      # A full pipe: the child is busy reading.
      if (length(left) == before) Sys.sleep(0.005)
    }
  }

  read <- function(deadline) {
    repeat {
      line <- process$read_output_lines(1)
      if (length(line) > 0) {
        return(line)
      }
      if (!process$is_incomplete_output()) ended()
      if (Sys.time() > deadline) late()
      process$poll_io(100)
    }
  }

  ask <- function(request) {
    if (!is.null(gone)) {
      abort(sprintf("the Python process is gone: %s", gone), "crossoptim_child_error")
    }
    text <- to_json(request)
    # An interrupted question would leave its answer to the next one.
    answered <- FALSE
    on.exit(if (!answered) end("it was interrupted before it had answered"))
    deadline <- Sys.time() + timeout
    stray <- process$read_output_lines(1)
    if (length(stray) > 0) nonsense("spoke unasked", stray)
    write(text, deadline)
    line <- read(deadline)
    answer <- tryCatch(from_json(line), error = function(e) nonsense("answered something that is not JSON", line))
    outcome <- if (is.list(answer)) answer[["outcome"]]
    if (!is.character(outcome) || !outcome %in% c("ok", "unsupported", "error")) {
      nonsense("gave an answer without an outcome", line)
    }
    answered <- TRUE
    switch(outcome,
      ok = answer,
      unsupported = unsupported(as.character(answer$reason)),
      error = abort(
        as.character(answer$message),
        c(if (identical(answer$class, "ProtocolError")) "crossoptim_protocol_error", "crossoptim_remote_error"),
        remote_class = answer$class, traceback = answer$traceback
      )
    )
  }

  list(
    ask = ask, fail = fail, stop = function() end("it was closed"), alive = process$is_alive, pid = process$get_pid,
    label = label
  )
}

# `package` is the folder in which this package is installed.
find_python <- function(python, package = system.file(package = "crossoptim")) {
  named <- c(python, getOption("crossoptim.python"), Sys.getenv("CROSSOPTIM_PYTHON"))
  named <- named[!is.na(named) & nzchar(named)]
  candidates <- if (length(named) > 0) {
    named[1]
  } else {
    c(pythons_in(Sys.getenv("VIRTUAL_ENV")), pythons_in(environment_around(package)), "python3", "python")
  }
  found <- Sys.which(candidates)
  found <- found[nzchar(found)]
  if (length(found) == 0) {
    what <- if (length(named) > 0) sprintf("no Python at '%s'", named[1]) else "no python3 or python on PATH"
    abort(paste(what, "(set options(crossoptim.python = ) or CROSSOPTIM_PYTHON)"), "crossoptim_python_error")
  }
  found[[1]]
}

pythons_in <- function(environment) {
  if (nzchar(environment)) file.path(environment, c("bin/python", "bin/python3", "Scripts/python.exe"))
}

# `make setup` installs this package into lib/R/library of Python's virtual environment.
environment_around <- function(package) {
  root <- dirname(dirname(dirname(dirname(package))))
  if (file.exists(file.path(root, "pyvenv.cfg"))) root else ""
}
