#' Judge a trajectory against the specification, without Python
#'
#' Each step of a trajectory is compared with the specification's step from the trajectory's *own* previous parameters
#' and state, so that errors never accumulate and there is no tolerance to choose: bits that equal the base R reference
#' are `exact`; else the rounding bound of the equation decides, element by element. It covers what an honest
#' implementation may do: round each operation, reassociate, distribute, multiply by a reciprocal, contract a
#' multiplication and an addition.
#'
#' What takes no part in a step must not move by a bit. State that the library does not show is carried by the
#' reference, with its bound. In `mode = "replay"` the gradients must be the golden ones; in `"closed"` they are taken
#' as given: whether autograd's gradient is right at its own point is for the Python judge (`crossoptim check`) to say,
#' and so is which known quirk of a library explains a divergence.
#'
#' In float64 the reference itself is rounded to double, so the bound counts twice; Python's judge compares with numbers
#' of twice the precision, and with the bound itself.
#'
#' @param case The id of a golden case, e.g. `"adam/amsgrad-ravine-f64"`, or what [read_case()] gives.
#' @param trajectory A trajectory of that case: what [run_case()] gives.
#' @param mode `"replay"` or `"closed"`: how the trajectory was run.
#' @return An object of class `trajectory_judgement`, a list:
#'   * `case`, `by`: which case, and who ran it.
#'   * `verdict`: `"exact"`, `"rounding"` (every element inside its bound) or `"diverges"`.
#'   * `findings`: where it diverges, a list with one entry for each tensor, the earliest step first: `step`; `tensor`,
#'     e.g. `"params/x"` or `"state/x/m"`; `element`, its indices from 1; `got`, `wanted`, `bound`; `ulps`, the distance
#'     in units of the last place of `wanted`; `outside`, how many elements of this tensor lie outside in all steps; and
#'     `remark`, what is wrong where it is not a number.
#'   * `notes`: what else is worth knowing.
#'
#'   L-BFGS chooses where to evaluate, which no equation's text says: a condition of class `crossoptim_needs_python`.
#' @examples
#' case <- read_case("adam/amsgrad-ravine-f64")
#' judge_trajectory(case, case$golden)
#'
#' wrong <- case$golden
#' wrong$params$x[[3]][2] <- wrong$params$x[[3]][2] + 1e-12
#' judge_trajectory(case, wrong)
#' @export
judge_trajectory <- function(case, trajectory, mode = "replay") {
  case <- read_case(case)
  if (!identical(mode, "replay") && !identical(mode, "closed")) {
    abort(sprintf("mode '%s' (expected replay or closed)", format(mode)[1]), "crossoptim_value_error")
  }
  check_form(case, trajectory)
  if (chooses_points(case)) {
    abort(
      sprintf("%s: %s chooses where to evaluate; judging it needs Python (crossoptim check)", case$id, case$rule),
      c("crossoptim_needs_python", "crossoptim_unsupported")
    )
  }
  book <- new_book(case)
  for (name in names(case$initial)) {
    if (gradients_hold(case, trajectory, name, mode, book)) {
      judge_standing(case, trajectory, name, book)
      judge_steps(case, trajectory, name, book)
    }
  }
  book$judgement(trajectory$by %||% "unknown")
}

rule_of <- function(case) {
  specification()$rules[[case$rule]]
}

check_form <- function(case, trajectory) {
  names <- names(case$initial)
  rows <- lapply(names, function(name) list(trajectory$params[[name]], trajectory$gradients[[name]]))
  if (!is.list(trajectory) || !all(lengths(unlist(rows, recursive = FALSE)) == case$steps)) {
    abort(
      sprintf("%s: the trajectory has not %d steps of %s", case$id, case$steps, toString(names)),
      "crossoptim_value_error"
    )
  }
  for (name in names) {
    sizes <- lengths(trajectory$params[[name]])
    if (any(sizes != size_of(case, name))) {
      abort(
        sprintf("%s: params/%s has %d elements (expected %d)", case$id, name, sizes[sizes != size_of(case, name)][1],
                size_of(case, name)),
        "crossoptim_value_error"
      )
    }
  }
}

size_of <- function(case, name) {
  prod(shape_of_param(case, name))
}

shape_of_param <- function(case, name) {
  case$initial[[name]]$shape
}

# Collects what is found.
new_book <- function(case) {
  exact <- TRUE
  findings <- list()
  notes <- character()
  add <- function(finding) {
    # One entry a tensor, the earliest, with the number of elements outside in all steps.
    known <- findings[[finding$tensor]]
    if (!is.null(known)) {
      outside <- known$outside + finding$outside
      finding <- if (known$step <= finding$step) known else finding
      finding$outside <- outside
    }
    findings[[finding$tensor]] <<- finding
  }
  list(
    # `got` and `prediction` hold the rows of these steps one after the other.
    compare = function(tensor, name, steps, got, prediction) {
      same <- equal_bits(got, prediction$reference)
      exact <<- exact && all(same)
      outside <- which(!(same | inside(got, prediction)))
      if (length(outside) > 0) {
        size <- length(got) / length(steps)
        first <- outside[1]
        wanted <- prediction$reference[first]
        add(list(
          step = steps[(first - 1) %/% size + 1], tensor = tensor,
          element = place((first - 1) %% size + 1, size, shape_of_param(case, name)),
          got = got[first], wanted = wanted, bound = prediction$bound[first],
          ulps = ulps(got[first], wanted, case$dtype), outside = length(outside), remark = NULL
        ))
      }
      length(outside) == 0
    },
    remark = function(tensor, step, remark) {
      add(list(
        step = step, tensor = tensor, element = integer(), got = NaN, wanted = NaN, bound = 0, ulps = Inf, outside = 1L,
        remark = remark
      ))
    },
    note = function(text) notes <<- union(notes, text),
    judgement = function(by) {
      steps <- vapply(findings, function(finding) as.double(finding$step), 0)
      verdict <- if (length(findings) > 0) "diverges" else if (exact) "exact" else "rounding"
      structure(
        list(case = case$id, by = by, verdict = verdict, findings = unname(findings[order(steps)]), notes = notes),
        class = "trajectory_judgement"
      )
    }
  )
}

#' @export
print.trajectory_judgement <- function(x, ...) {
  cat(sprintf("%s by %s: %s\n", x$case, x$by, x$verdict))
  cat(sprintf("  %s\n", vapply(x$findings, finding_text, "")), sep = "")
  cat(sprintf("  %s\n", x$notes), sep = "")
  invisible(x)
}

finding_text <- function(finding) {
  where <- sprintf("step %d, %s", as.integer(finding$step), finding$tensor)
  if (length(finding$element) > 0) {
    where <- sprintf("%s[%s]", where, toString(finding$element))
  }
  if (!is.null(finding$remark)) {
    return(sprintf("%s: %s", where, finding$remark))
  }
  others <- as.integer(finding$outside) - 1L
  sprintf(
    "%s: %.17g (expected %.17g within %.2g; %.3g ulps away%s)", where, finding$got, finding$wanted, finding$bound,
    finding$ulps, if (others > 0) sprintf("; %d more outside in this tensor, over all steps", others) else ""
  )
}

# The gradients that a parameter's steps used: there where the case has one, and in replay the given ones.
gradients_hold <- function(case, trajectory, name, mode, book) {
  tensor <- paste0("gradients/", name)
  add <- reference_functions(case$dtype)$`+`
  for (step in seq_len(case$steps)) {
    used <- trajectory$gradients[[name]][[step]]
    expected <- !is.null(setting_at(case$settings, name, step)) && !is.null(case$golden$gradients[[name]][[step]])
    if (is.null(used) == expected) {
      what <- if (expected) "no gradient where the case has one" else "a gradient where the case has none"
      book$remark(tensor, step, what)
      return(FALSE)
    }
    if (is.null(used) || mode == "closed") {
      next
    }
    wanted <- injected(case)[[name]][[step]]
    left <- if (step > 1 && happens(case, "accumulate", step)) gradients_after(trajectory, name)[[step - 1]]
    if (!is.null(left)) {
      wanted <- add(left, wanted)
    }
    if (!book$compare(tensor, name, step, used, certain(wanted))) {
      return(FALSE)
    }
  }
  TRUE
}

gradients_after <- function(trajectory, name) {
  trajectory$gradients_after[[name]] %||% trajectory$gradients[[name]]
}

param_before <- function(case, trajectory, name, step) {
  if (step == 1) case$initial[[name]]$data[[1]] else trajectory$params[[name]][[step - 1]]
}

state_before <- function(trajectory, name, variable, step) {
  if (step > 1) row_at(trajectory$state[[name]][[variable]], step - 1)
}

row_at <- function(rows, step) {
  if (step <= length(rows)) rows[[step]]
}

# What takes no part in a step does not change by a bit; state that appears without a step holds its initial value.
judge_standing <- function(case, trajectory, name, book) {
  for (step in seq_len(case$steps)) {
    setting <- setting_at(case$settings, name, step)
    stepped <- !is.null(trajectory$gradients[[name]][[step]])
    p <- param_before(case, trajectory, name, step)
    if (!stepped) {
      book$compare(paste0("params/", name), name, step, trajectory$params[[name]][[step]], certain(p))
    }
    in_force <- if (stepped) unlist(equation_of(setting)$state)
    for (variable in setdiff(names(trajectory$state[[name]]), in_force)) {
      tensor <- paste("state", name, variable, sep = "/")
      now <- row_at(trajectory$state[[name]][[variable]], step)
      before <- state_before(trajectory, name, variable, step)
      if (is.null(before) && !is.null(now)) {
        before <- untouched_start(case, setting, name, variable, p)
      }
      if (is.null(now) && !is.null(before)) {
        book$remark(tensor, step, "gone, although no step touched it")
      } else if (!is.null(before)) {
        book$compare(tensor, name, step, now, certain(before))
      }
    }
  }
}

# Where a variable starts that no step has made.
untouched_start <- function(case, setting, name, variable, p) {
  found <- Filter(function(known) known$name == variable, rule_of(case)$state)[[1]]
  equation <- list(
    init = stats::setNames(list(found$init), variable), shapes = stats::setNames(list(found$shape), variable)
  )
  shape <- shape_of_param(case, name)
  if (length(shape) == 2) {
    p <- matrix(p, shape[1], shape[2], byrow = TRUE)
  }
  values <- c(list(p = p, g = 0 * p), hyper_of(setting %||% case$settings[[1]]))
  row_of(initial_state(equation, variable, values, case$dtype))
}

equation_of <- function(setting) {
  if (is.list(setting$equation)) setting$equation else specification()$equations[[setting$equation]]
}

# The hyperparameters that are numbers.
hyper_of <- function(setting) {
  is_number <- function(value) is.numeric(value) || (is.character(value) && value %in% c("NaN", "Inf", "-Inf"))
  lapply(Filter(is_number, setting$values), read_number)
}

judge_steps <- function(case, trajectory, name, book) {
  rows <- step_rows(case, trajectory, name)
  variables <- unique(unlist(lapply(rows, function(row) unlist(row$equation$state))))
  hidden <- Filter(function(variable) {
    all(vapply(trajectory$state[[name]][[variable]], is.null, NA))
  }, variables)
  if (length(hidden) > 0) {
    book$note(sprintf("%s not exposed: carried by the reference", toString(hidden)))
  }
  # What is carried from step to step: variables that are not shown, and the errors of numbers that are kept.
  carried <- list()
  for (stack in stacked(rows, length(hidden) > 0 || identical(rule_of(case)$kind, "reducing"))) {
    made <- predict_step(case, name, stack, carried)
    carried[hidden] <- made$predictions[hidden]
    carried$kept <- made$kept
    for (output in setdiff(union("p", names(made$predictions)), hidden)) {
      compare_output(trajectory, name, output, stack, made$predictions[[output]], book)
    }
  }
}

# Rows of the same equation together; one by one, in their order, where something is carried.
stacked <- function(rows, singly) {
  if (singly || any(vapply(rows, function(row) length(row$equation$kept) > 0, NA))) {
    return(lapply(rows, list))
  }
  unname(split(rows, vapply(rows, function(row) row$equation$id, "")))
}

compile_step <- function(equation, dtype) {
  list(
    step = compile_equation(equation, dtype),
    bounds = compile_bounds(equation$update, dtype),
    scalars = compile_bounds(equation$scalars, "float64", settles = TRUE),
    matrices = needs_matrices(equation)
  )
}

# The steps that a parameter takes: where it stands, the equation in force and its numbers.
step_rows <- function(case, trajectory, name) {
  shape <- shape_of_param(case, name)
  count <- 0
  rows <- list()
  compiled <- list()
  for (step in seq_len(case$steps)) {
    setting <- setting_at(case$settings, name, step)
    g <- trajectory$gradients[[name]][[step]]
    if (is.null(setting) || is.null(g)) {
      next
    }
    equation <- equation_of(setting)
    # Without state there is nothing whose age could matter.
    count <- count + (length(equation$state) > 0)
    p <- param_before(case, trajectory, name, step)
    id <- setting$equation
    compiled[[id]] <- compiled[[id]] %||% compile_step(equation, case$dtype)
    form <- if (compiled[[id]]$matrices) function(x, kind) row_as_matrix(x, shape, kind) else function(x, kind) x
    values <- list(p = form(p, "parameter"), g = form(g, "parameter"))
    hyper <- hyper_of(setting)[unlist(equation$hyper)]
    state <- lapply(stats::setNames(nm = unlist(equation$state)), function(variable) {
      found <- state_before(trajectory, name, variable, step)
      if (is.null(found)) {
        initial_state(equation, variable, c(values, hyper), case$dtype)
      } else {
        form(found, equation$shapes[[variable]] %||% "parameter")
      }
    })
    scalars <- case$scalars[[name]][[step]]
    rows[[length(rows) + 1]] <- list(
      step = step, equation = equation, compiled = compiled[[id]], t = count, tensors = c(values, state), hyper = hyper,
      scalars = scalars
    )
  }
  rows
}

# What the steps of a stack make of each tensor: the reference's bits, the value, and how far from it is honest.
predict_step <- function(case, name, stack, carried) {
  equation <- stack[[1]]$equation
  compiled <- stack[[1]]$compiled
  dtype <- case$dtype
  size <- length(stack[[1]]$tensors$p)
  of_all <- function(part, key) vapply(stack, function(row) row[[part]][[key]], 0)
  tensors <- lapply(stats::setNames(nm = names(stack[[1]]$tensors)), function(key) {
    if (length(stack) == 1) stack[[1]]$tensors[[key]] else unlist(lapply(stack, function(row) row$tensors[[key]]))
  })
  known <- intersect(names(carried), names(tensors))
  tensors[known] <- lapply(carried[known], function(before) before$reference)
  hyper <- lapply(stats::setNames(nm = names(stack[[1]]$hyper)), of_all, part = "hyper")
  scalars <- lapply(stats::setNames(nm = names(stack[[1]]$scalars)), of_all, part = "scalars")
  count <- vapply(stack, function(row) row$t, 0)
  errors <- scalar_errors(compiled$scalars, names(equation$kept), hyper, scalars, count, carried$kept)

  # A number is rounded to float32 before it is used; the scalars were rounded to double, once for both sides.
  spread_out <- function(x) if (length(stack) == 1) x else rep(rep_len(x, length(stack)), each = size)
  numbers <- lapply(c(hyper, scalars), spread_out)
  values <- c(lapply(tensors, bounded), lapply(numbers[names(hyper)], function(x) {
    bounded(x, k = if (dtype == "float32") 1 else 0)
  }))
  values[names(scalars)] <- Map(
    function(value, error) {
      once <- if (dtype == "float64") 2^-54 * abs(value) else 0
      bounded(value, k = if (dtype == "float32") 1 else 0, extra = error + once)
    },
    numbers[names(scalars)], lapply(errors[names(scalars)], spread_out)
  )
  values[known] <- lapply(carried[known], function(before) bounded(before$value, extra = before$bound))

  bits <- compiled$step(c(tensors, numbers))
  bits$g <- bits$g %||% tensors$g
  made <- compiled$bounds(values)
  predictions <- lapply(stats::setNames(nm = names(bits)), function(key) {
    like <- made[[paste0(key, "_new")]]
    if (is.null(like)) certain(bits[[key]]) else prediction(bits[[key]], like, dtype)
  })
  list(predictions = predictions, kept = kept_after(errors, carried$kept))
}

# The bound counts twice where it is about the reference, which is rounded as well.
prediction <- function(bits, made, dtype) {
  sides <- if (is.null(made$value)) 2 else precision_of(dtype)$sides
  full <- function(x) {
    x <- rep_len(x, length(bits))
    dim(x) <- dim(bits)
    x
  }
  list(reference = bits, value = if (sides == 1) full(made$value) else bits, bound = sides * full(made$bound))
}

# What no rounding touches.
certain <- function(row) {
  list(reference = row, value = row, bound = numeric(length(row)))
}

# How far a computation of the scalars in double may be off; `kept` are the errors of what the step `before` kept.
scalar_errors <- function(bounds, before, hyper, scalars, t, kept) {
  values <- c(lapply(c(hyper, list(t = t)), bounded), Map(
    function(key) bounded(scalars[[key]], extra = kept[[key]] %||% 0), as.character(before)
  ))
  errors <- lapply(bounds(values), function(made) made$bound)
  c(errors, lapply(stats::setNames(nm = as.character(before)), function(key) kept[[key]] %||% 0))
}

kept_after <- function(errors, kept) {
  made <- errors[endsWith(as.character(names(errors)), "_new")]
  names(made) <- sub("_new$", "", names(made))
  kept[names(made)] <- made
  kept
}

compare_output <- function(trajectory, name, output, stack, predicted, book) {
  column <- switch(output,
    p = list(tensor = paste0("params/", name), rows = trajectory$params[[name]]),
    g = list(tensor = paste0("gradients_after/", name), rows = gradients_after(trajectory, name)),
    list(tensor = paste("state", name, output, sep = "/"), rows = trajectory$state[[name]][[output]])
  )
  steps <- vapply(stack, function(row) row$step, 0)
  rows <- lapply(steps, function(step) row_at(column$rows, step))
  predicted <- lapply(predicted, row_of)
  size <- length(predicted$reference) / length(steps)
  missing <- lengths(rows) != size
  if (any(missing & size > 0)) {
    book$remark(column$tensor, steps[missing][1], "nothing, although the step makes it")
  } else {
    book$compare(column$tensor, name, steps, as.double(unlist(rows)), predicted)
  }
}

# Elementwise: the same bits, counting every NaN as the same.
equal_bits <- function(a, b) {
  same <- a == b & (a != 0 | 1 / a == 1 / b)
  (same & !is.na(same)) | (is.na(a) & is.na(b))
}

# Elementwise: within the bound of a finite value; where there is no bound, anything. Where an operand is infinite, the
# order of operations decides between NaN and infinity, as in m + c (g - m) and (1 - c) m + c g; never between two
# infinities.
inside <- function(got, prediction) {
  wanted <- prediction$reference
  boundless <- is.infinite(prediction$bound)
  near <- is.finite(wanted) & abs(got - prediction$value) <= prediction$bound
  opposite <- is.infinite(got) & is.infinite(wanted) & got != wanted
  beyond <- !is.finite(wanted) & !is.finite(got) & boundless & !opposite
  ok <- near | beyond | (is.finite(prediction$value) & boundless)
  ok & !is.na(ok)
}

# The indices, from 1, of an element of a row, which is row-major.
place <- function(element, size, shape) {
  if (size != prod(shape)) {
    return(as.integer(element))
  }
  if (length(shape) > 0) rev(as.integer(arrayInd(element, rev(shape)))) else integer()
}
