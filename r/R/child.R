# A child process that speaks the protocol on its standard streams.

start_child <- function(command, args, timeout) {
  errors <- tempfile("crossoptim-", fileext = ".stderr")
  process <- tryCatch(
    processx::process$new(
      command, args,
      stdin = "|", stdout = "|", stderr = errors, encoding = "UTF-8", cleanup = TRUE
    ),
    error = function(e) {
      abort(sprintf("%s does not start (%s)", command, conditionMessage(e)), "crossoptim_python_error")
    }
  )

  ended <- function() {
    process$wait(1000)
    said <- if (file.exists(errors)) readLines(errors, warn = FALSE) else character()
    if (any(grepl("No module named '?crossoptim", said))) {
      abort(
        sprintf(
          "%s has no crossoptim (install it there, or name another Python in options(crossoptim.python = ))",
          command
        ),
        "crossoptim_python_error"
      )
    }
    abort(
      sprintf(
        "%s ended without an answer (exit status %s): %s",
        paste(c(command, args), collapse = " "), format(process$get_exit_status() %||% "unknown"),
        if (length(said) > 0) utils::tail(said, 1) else "it wrote nothing to standard error"
      ),
      "crossoptim_child_error",
      stderr = said
    )
  }

  late <- function() {
    process$kill()
    abort(
      sprintf("%s gave no answer in %g s; it was ended", paste(c(command, args), collapse = " "), timeout),
      c("crossoptim_timeout_error", "crossoptim_child_error")
    )
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
    deadline <- Sys.time() + timeout
    write(to_json(request), deadline)
    line <- read(deadline)
    answer <- tryCatch(from_json(line), error = function(e) {
      abort(sprintf("%s answered something that is not JSON: %s", command, strtrim(line, 80)), "crossoptim_child_error")
    })
    switch(as.character(answer$outcome %||% "none"),
      ok = answer,
      unsupported = unsupported(answer$reason),
      error = abort(
        answer$message, "crossoptim_remote_error",
        remote_class = answer$class, traceback = answer$traceback
      ),
      abort(sprintf("%s gave an answer without an outcome: %s", command, strtrim(line, 80)), "crossoptim_child_error")
    )
  }

  stop <- function() {
    if (process$is_alive()) {
      try(write(to_json(list(command = "stop")), Sys.time() + 1), silent = TRUE)
      process$wait(2000)
      process$kill()
    }
    unlink(errors)
  }

  list(ask = ask, stop = stop, alive = process$is_alive, pid = process$get_pid)
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
