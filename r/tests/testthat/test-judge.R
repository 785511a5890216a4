verdict <- function(...) judge_trajectory(...)$verdict

# The golden trajectory with one element of one row changed.
moved <- function(case, part, element, by, step = case$steps) {
  run <- case$golden
  run[[part]] <- utils::modifyList(run[[part]], list())
  name <- names(case$initial)[1]
  if (part == "params") {
    run$params[[name]][[step]][element] <- by(run$params[[name]][[step]][element])
  } else {
    run$state[[name]][[1]][[step]][element] <- by(run$state[[name]][[1]][[step]][element])
  }
  run
}

test_that("the golden trajectories are exact", {
  for (id in case_ids()[seq(3, length(case_ids()), by = 9)]) {
    case <- read_case(id)
    if (!chooses_points(case)) {
      expect_identical(verdict(case, case$golden), "exact", label = id)
    }
  }
})

# One for each kind of rule: plain, with kept numbers, with sums, with products of matrices.
judged <- c(
  "sgd/momentum-ravine-f32", "sgd/momentum-ravine-f64", "adam/amsgrad-ravine-f32", "adam/amsgrad-ravine-f64",
  "rprop/plain-ravine-f64", "nadam/plain-ravine-f64", "asgd/lambd-ravine-f64", "madgrad/plain-ravine-f64",
  "adafactor/plain-injected-f64", "lamb/plain-ravine-f64", "muon/plain-matrices-f64"
)

test_that("a number that moves by four bounds is rejected, by half a bound it is rounding", {
  for (id in judged) {
    case <- read_case(id)
    found <- judge_trajectory(case, moved(case, "params", 1, function(x) x * 1.5 + 1))
    expect_identical(found$verdict, "diverges", label = id)
    bound <- found$findings[[1]]$bound
    expect_true(bound > 0 && bound < 1e-4, label = paste(id, "has a small bound"))
    for (sign in c(-1, 1)) {
      far <- moved(case, "params", 1, function(x) rounding(case$dtype)(x + sign * 4 * bound))
      expect_identical(verdict(case, far), "diverges", label = paste(id, "by four bounds"))
      near <- moved(case, "params", 1, function(x) rounding(case$dtype)(x + sign * bound / 2))
      expect_identical(verdict(case, near), "rounding", label = paste(id, "by half a bound"))
    }
  }
})

test_that("a finding says step, tensor, element, both values, the bound and the distance", {
  case <- read_case("adam/amsgrad-ravine-f64")
  wrong <- moved(case, "params", 2, function(x) x + 1e-6, step = 30)
  wrong <- utils::modifyList(wrong, list(loss = NULL))
  found <- judge_trajectory(case, wrong)
  first <- found$findings[[1]]
  wanted <- case$golden$params$x[[30]][2]
  expect_length(found$findings, 1)
  expect_identical(first[c("step", "tensor", "element", "wanted")], list(
    step = 30, tensor = "params/x", element = 2L, wanted = wanted
  ))
  expect_identical(first$got, wrong$params$x[[30]][2])
  expect_equal(first$ulps, 1e-6 / 2^(floor(log2(abs(wanted))) - 52), tolerance = 1e-6)
  expect_identical(first$outside, 1L)
  expect_output(print(found), "adam/amsgrad-ravine-f64 by golden: diverges\n  step 30, params/x[2]: ", fixed = TRUE)
  expect_output(print(found), sprintf("%.17g", wanted), fixed = TRUE)
})

test_that("an element of a matrix has its row and column", {
  case <- read_case("muon/plain-matrices-f64")
  name <- names(case$initial)[1]
  shape <- case$initial[[name]]$shape
  wrong <- moved(case, "params", shape[2] + 1, function(x) x + 1)
  expect_identical(judge_trajectory(case, wrong)$findings[[1]]$element, c(2L, 1L))
})

test_that("a wrong number does not spoil the steps after it: each is judged from where it starts", {
  case <- read_case("sgd/plain-ravine-f64")
  run <- case$golden
  lr <- case$settings[[1]]$values$lr
  run$params$x[[5]] <- run$params$x[[5]] + 1
  for (step in 6:case$steps) {
    run$params$x[[step]] <- run$params$x[[step - 1]] - lr * run$gradients$x[[step]]
  }
  found <- judge_trajectory(case, run)
  expect_identical(found$findings[[1]]$step, 5)
  expect_identical(found$findings[[1]]$outside, length(run$params$x[[5]]))
})

test_that("what takes no part in a step must not move", {
  case <- read_case("adam/none-later-injected-f64")
  name <- names(Filter(function(rows) any(vapply(rows, is.null, NA)), case$golden$gradients))[1]
  step <- which(vapply(case$golden$gradients[[name]], is.null, NA))[1]
  run <- case$golden
  run$params[[name]][[step]][1] <- run$params[[name]][[step]][1] * (1 + 2^-52)
  found <- judge_trajectory(case, run)$findings[[1]]
  expect_identical(found[c("step", "tensor")], list(step = step, tensor = paste0("params/", name)))
  expect_identical(found$bound, 0)

  run <- case$golden
  run$state[[name]]$m[[step]][1] <- run$state[[name]]$m[[step]][1] * (1 + 2^-52)
  expect_identical(judge_trajectory(case, run)$findings[[1]]$tensor, sprintf("state/%s/m", name))

  run <- case$golden
  run$state[[name]]$m[step] <- list(NULL)
  expect_identical(judge_trajectory(case, run)$findings[[1]]$remark, "gone, although no step touched it")
})

test_that("state that is not shown is carried by the reference", {
  for (id in c("adam/amsgrad-ravine-f64", "adam/amsgrad-ravine-f32", "nadam/plain-ravine-f64")) {
    case <- read_case(id)
    run <- case$golden
    run$state <- list()
    found <- judge_trajectory(case, run)
    expect_identical(found$verdict, "exact", label = id)
    expect_match(found$notes, "not exposed: carried by the reference")
    run$params$x[[case$steps]][1] <- run$params$x[[case$steps]][1] * (1 + 1e-3)
    expect_identical(verdict(case, run), "diverges", label = id)
  }
})

test_that("state that is shown once must stay", {
  case <- read_case("adam/amsgrad-ravine-f64")
  case$golden$state$x$v[7] <- list(NULL)
  found <- judge_trajectory(case, case$golden)$findings[[1]]
  expect_identical(found[c("step", "tensor")], list(step = 7, tensor = "state/x/v"))
  expect_identical(found$remark, "nothing, although the step makes it")
})

test_that("in replay the gradients must be the golden ones, in closed loop they are taken as given", {
  case <- read_case("sgd/plain-ravine-f64")
  lr <- case$settings[[1]]$values$lr
  run <- case$golden
  run$gradients$x <- lapply(run$gradients$x, function(row) row + 2^-20)
  run$gradients_after <- run$gradients
  before <- c(list(case$initial$x$data[[1]]), run$params$x)
  for (step in seq_len(case$steps)) {
    before[[step + 1]] <- before[[step]] - lr * run$gradients$x[[step]]
  }
  run$params$x <- before[-1]
  expect_identical(judge_trajectory(case, run)$findings[[1]]$tensor, "gradients/x")
  expect_identical(verdict(case, run, "closed"), "exact")
})

test_that("a gradient where the case has none, or none where it has one, is found in both modes", {
  case <- read_case("sgd/plain-ravine-f64")
  case$golden$gradients$x[3] <- list(NULL)
  for (mode in c("replay", "closed")) {
    found <- judge_trajectory(read_case(case$id), case$golden, mode)$findings[[1]]
    expect_identical(found[c("step", "remark")], list(step = 3L, remark = "no gradient where the case has one"))
  }
  frozen <- read_case("adam/frozen-injected-f64")
  name <- names(Filter(function(rows) all(vapply(rows, is.null, NA)), frozen$golden$gradients))[1]
  frozen$golden$gradients[[name]][[2]] <- 0 * frozen$golden$params[[name]][[2]]
  found <- judge_trajectory(read_case(frozen$id), frozen$golden)$findings[[1]]
  expect_identical(found$remark, "a gradient where the case has none")
})

test_that("a gradient that the optimizer leaves changed is found", {
  case <- read_case("adam/amsgrad-ravine-f64")
  case$golden$gradients_after$x[[4]][1] <- case$golden$gradients_after$x[[4]][1] + 1
  found <- judge_trajectory(case, case$golden)$findings[[1]]
  expect_identical(found[c("step", "tensor")], list(step = 4, tensor = "gradients_after/x"))
})

test_that("NaN and infinities are judged as numbers are", {
  nan <- read_case("sgd/extreme_not_a_number-not_a_number-f64")
  name <- names(Filter(function(rows) any(is.nan(rows[[nan$steps]])), nan$golden$params))[1]
  element <- which(is.nan(nan$golden$params[[name]][[nan$steps]]))[1]
  run <- nan$golden
  run$params[[name]][[nan$steps]][element] <- 1
  expect_identical(verdict(nan, run), "diverges")

  infinite <- read_case("sgd/extreme_infinite-infinite-f64")
  steps <- lapply(infinite$golden$params, function(rows) which(vapply(rows, function(row) any(is.infinite(row)), NA)))
  name <- names(Filter(length, steps))[1]
  run <- infinite$golden
  run$params[[name]][[steps[[name]][1]]] <- -run$params[[name]][[steps[[name]][1]]]
  expect_identical(judge_trajectory(infinite, run)$findings[[1]]$ulps, Inf)
})

test_that("the sign of a zero is a bit", {
  expect_identical(equal_bits(c(0, 0, NaN, 1, NA), c(0, -0, NaN, 1 + 2^-52, NaN)), c(TRUE, FALSE, TRUE, FALSE, TRUE))
})

test_that("L-BFGS is Python's to judge", {
  case <- read_case(golden_cases("lbfgs")[1])
  expect_error(judge_trajectory(case, case$golden, "closed"), "needs Python", class = "crossoptim_needs_python")
})

test_that("what is no trajectory of the case is refused", {
  case <- read_case("adam/amsgrad-ravine-f64")
  refused <- function(...) expect_error(judge_trajectory(...), class = "crossoptim_value_error")
  refused(case, list())
  refused(case, NULL)
  short <- case$golden
  short$params$x <- short$params$x[-1]
  refused(case, short)
  narrow <- case$golden
  narrow$params$x[[3]] <- narrow$params$x[[3]][1]
  refused(case, narrow)
  refused(case, case$golden, mode = "lockstep")
})

test_that("Python's judge agrees", {
  skip_if_no_python_crossoptim()
  for (id in judged[c(1, 4, 6, 11)]) {
    case <- read_case(id)
    bound <- judge_trajectory(case, moved(case, "params", 1, function(x) x * 1.5 + 1))$findings[[1]]$bound
    for (times in c(0, 0.3, 4)) {
      run <- moved(case, "params", 1, function(x) rounding(case$dtype)(x + times * bound))
      ours <- judge_trajectory(case, run)
      theirs <- ask_judge(run, "replay", "")
      expect_identical(ours$verdict, theirs$verdict, label = paste(id, times))
      place <- function(judgement) {
        lapply(judgement$findings, function(finding) list(as.numeric(finding$step), finding$tensor, finding$element))
      }
      expect_identical(place(ours), place(theirs), label = paste(id, times))
      if (times == 4) {
        # In float64 ours counts twice.
        ratio <- ours$findings[[1]]$bound / theirs$findings[[1]]$bound
        expect_true(ratio > 0.999 && ratio < 2.3, label = paste(id, "has Python's bound"))
      }
    }
  }
})
