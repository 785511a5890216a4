# The testthat expectation, and what a failure says.

#' Expect that an optimizer follows a golden trajectory
#'
#' Runs a golden case with an optimizer of R torch ([run_case()]) and judges every step ([judge_trajectory()]). It
#' passes where every element is what the specification computes, bit for bit or within the rounding of the equation;
#' there is no tolerance to choose.
#'
#' A failure names the case, the first step, tensor and element that differ, both values with 17 digits, their distance
#' in units of the last place, the bound, and how many other elements differ; then what is known of the library that
#' bears on this case, with the line upstream and what to do about it. Where a Python with crossoptim is found (see
#' [python_optimizer()]; only looked for when something fails), its judge is asked as well, which knows what each known
#' departure predicts.
#'
#' What the optimizer cannot do (it has no such argument, R torch is not there) is a skip with the reason. L-BFGS is
#' judged by Python, and skipped without it.
#'
#' @inheritParams run_case
#' @param known Ids of known departures that are accepted, e.g. `known_quirks()$id`, see [known_quirks()]. A case that
#'   fails and on which one of them bears is skipped, under its name; one that passes all the same is fine.
#' @param python `TRUE` to ask Python's judge about a failure where there is one, `FALSE` to leave Python alone.
#' @return The judgement, invisibly; see [judge_trajectory()].
#' @seealso `system.file("examples", "test-optim-golden.R", package = "crossoptim")`: a whole test
#'   file for R torch's own optimizers.
#' @examplesIf all(vapply(c("testthat", "torch"), requireNamespace, NA, quietly = TRUE)) && torch::torch_is_installed()
#' library(testthat)
#' test_that("Adam keeps the largest second moment", {
#'   expect_trajectory("adam/amsgrad-ravine-f64", torch::optim_ignite_adam)
#' })
#' @export
expect_trajectory <- function(case, optim, mode = NULL, known = character(), binding = NULL,
                              python = getOption("crossoptim.judge_with_python", TRUE)) {
  if (!requireNamespace("testthat", quietly = TRUE)) {
    abort("expect_trajectory() needs testthat (install.packages(\"testthat\"))", "crossoptim_unsupported")
  }
  check_known(known)
  case <- read_case(case)
  mode <- mode %||% if (chooses_points(case)) "closed" else "replay"
  label <- optimizer_label(substitute(optim), optim)
  run <- tryCatch(
    run_labelled(case, optim, label, mode, binding),
    crossoptim_unsupported = function(e) testthat::skip(conditionMessage(e)),
    crossoptim_torch_error = identity
  )
  class <- class_name(optim)
  asked <- NULL
  judgement <- if (inherits(run, "error")) {
    raised(case, label, run)
  } else {
    tryCatch(judge_trajectory(case, run, mode), crossoptim_needs_python = function(e) {
      asked <<- if (python) ask_judge(run, mode, class)
      asked %||% testthat::skip(sprintf("%s is judged by Python, and there is none with crossoptim", case$rule))
    })
  }
  passes <- judgement$verdict %in% c("exact", "rounding")
  message <- if (!passes) {
    bearing <- as_predicted(quirks_bearing(class, case$id, judgement), asked)
    accepted <- intersect(known, bearing$id)
    if (length(accepted) > 0) {
      testthat::skip(paste("known:", toString(accepted)))
    }
    if (is.null(asked) && python && judgement$verdict == "diverges") {
      asked <- tryCatch(ask_judge(run, mode, class), crossoptim_error = function(e) list(verdict = conditionMessage(e)))
      bearing <- as_predicted(bearing, asked)
    }
    failure_text(judgement, mode, bearing, asked)
  }
  testthat::expect(passes, message, trace_env = parent.frame())
  invisible(judgement)
}

check_known <- function(known) {
  ids <- known_quirks()$id
  wrong <- setdiff(known, ids)
  if (length(wrong) > 0) {
    unknown_name("known departure", wrong[1], ids, "crossoptim_value_error")
  }
}

# The known departures by which a case may end as it did when it is run with a class: those that change numbers, or
# those that raise this error.
quirks_bearing <- function(class, id, judgement) {
  known <- known_quirks()
  may_explain <- function(quirk_id, classes, cases) {
    class %in% classes && id %in% cases && explains(quirk_effects(quirk_id), judgement)
  }
  known[as.logical(mapply(may_explain, known$id, known$classes, known$cases)), ]
}

# Those alone that predict the numbers, where Python's judge found some.
as_predicted <- function(bearing, asked) {
  if (length(asked$quirks) > 0) bearing[bearing$id %in% asked$quirks, ] else bearing
}

quirk_effects <- function(id) {
  for (library in specification()$ecosystems) {
    if (id %in% names(library$quirks)) {
      return(library$quirks[[id]]$effects)
    }
  }
}

explains <- function(effects, judgement) {
  raises <- vapply(effects, function(effect) identical(effect$type, "Raises"), NA)
  if (judgement$verdict != "raises") {
    return(!all(raises))
  }
  said <- vapply(effects[raises], function(effect) grepl(effect$message, judgement$notes, fixed = TRUE), NA)
  any(said)
}

raised <- function(case, label, error) {
  structure(
    list(case = case$id, by = label, verdict = "raises", findings = list(), notes = conditionMessage(error)),
    class = "trajectory_judgement"
  )
}

failure_text <- function(judgement, mode, bearing, asked) {
  what <- switch(judgement$verdict,
    raises = "raised an error",
    documented = "differs from the golden trajectory as a known departure predicts",
    "leaves the golden trajectory"
  )
  shown <- utils::head(judgement$findings, 4)
  more <- length(judgement$findings) - length(shown)
  lines <- c(
    sprintf("%s, %s: %s %s.", judgement$case, mode, judgement$by, what),
    vapply(shown, finding_text, ""),
    if (more > 0) sprintf("and %d more tensors", more),
    judgement$notes,
    if (nrow(bearing) > 0) {
      sprintf(
        "Known: %s (%s)\n  upstream: %s\n  advice: %s", bearing$id, bearing$title, bearing$upstream, bearing$advice
      )
    },
    asked_text(asked)
  )
  paste(lines, collapse = "\n")
}

asked_text <- function(asked) {
  if (is.null(asked)) {
    return(NULL)
  }
  why <- if (length(asked$quirks) > 0) paste("by", toString(asked$quirks)) else asked$diagnosis
  paste(c(sprintf("Python's judge: %s", asked$verdict), why), collapse = ", ")
}

# Python's judge, in one process for the whole session. NULL where there is none.
python_judge <- new.env(parent = emptyenv())

ask_judge <- function(trajectory, mode, class) {
  session <- judging_session()
  if (is.null(session)) {
    return(NULL)
  }
  rows <- function(rows) lapply(rows, function(row) if (!is.null(row)) I(row))
  columns <- function(columns) wire_object(lapply(columns, rows))
  library <- Filter(function(name) class %in% names(library_classes(name)), setdiff(libraries(), "crossoptim"))
  request <- list(
    command = "judge", case = trajectory$case, implementation = if (length(library) > 0) library, mode = mode,
    trajectory = list(
      params = columns(trajectory$params), gradients = columns(trajectory$gradients),
      gradients_after = columns(trajectory$gradients_after), state = wire_object(lapply(trajectory$state, columns)),
      loss = unname(trajectory$loss),
      evaluations = lapply(trajectory$evaluations, function(seen) {
        list(params = columns(seen$params), gradients = columns(seen$gradients), loss = unname(seen$loss))
      })
    )
  )
  answer <- tryCatch(session$ask(request), crossoptim_child_error = function(e) {
    # It ended or hangs: it is not asked again.
    python_judge$session <- NULL
    python_judge$missing <- TRUE
    NULL
  })
  if (!is.null(answer)) read_judgement(answer, trajectory)
}

judging_session <- function() {
  if (is.null(python_judge$session) && !isTRUE(python_judge$missing)) {
    python_judge$session <- if (python_available()) python_session()
    python_judge$missing <- is.null(python_judge$session)
  }
  python_judge$session
}

read_judgement <- function(answer, trajectory) {
  findings <- lapply(answer$findings, function(finding) {
    finding[c("got", "wanted", "bound", "ulps")] <- lapply(finding[c("got", "wanted", "bound", "ulps")], read_number)
    finding$element <- as.integer(unlist(finding$element)) + 1L
    finding$outside <- 1L
    finding$remark <- if (nzchar(finding$remark)) finding$remark
    finding
  })
  structure(
    list(
      case = trajectory$case, by = trajectory$by, verdict = answer$verdict, findings = findings,
      # Of a divergence, the note is the finding.
      notes = if (length(findings) == 0) as.character(unlist(answer$notes)) else character(),
      quirks = as.character(unlist(answer$quirks)), diagnosis = answer$diagnosis
    ),
    class = "trajectory_judgement"
  )
}
