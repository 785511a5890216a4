# What expect_trajectory() says where it does not pass.
failure_of <- function(...) {
  condition <- tryCatch(expect_trajectory(...), expectation_failure = identity)
  expect_s3_class(condition, "expectation_failure")
  conditionMessage(condition)
}

skip_of <- function(...) {
  conditionMessage(tryCatch(expect_trajectory(...), skip = identity))
}

test_that("an optimizer that follows its equation passes", {
  skip_if_no_torch()
  found <- expect_success(expect_trajectory("adam/amsgrad-ravine-f64", torch::optim_ignite_adam))
  for (mode in c("replay", "closed")) {
    found <- expect_trajectory("sgd/momentum-ravine-f32", torch::optim_sgd, mode = mode)
    expect_true(found$verdict %in% c("exact", "rounding"))
  }
})

test_that("a failure says where, how far, what is known of it and what to do", {
  skip_if_no_torch()
  text <- failure_of("sgd/decay_momentum-ravine-f64", torch::optim_sgd, python = FALSE)
  case <- read_case("sgd/decay_momentum-ravine-f64")
  expect_match(text, "^sgd/decay_momentum-ravine-f64, replay: torch::optim_sgd leaves the golden trajectory[.]\n")
  wanted <- sprintf("expected %.17g within", case$golden$params$x[[1]][1])
  expect_match(text, "step 1, params/x[1]: -4.9100000000000001 (", fixed = TRUE)
  expect_match(text, wanted, fixed = TRUE)
  expect_match(text, "ulps away; 59 more outside in this tensor", fixed = TRUE)
  expect_match(text, "Known: r-torch/sgd/weight-decay-adds-index", fixed = TRUE)
  expect_match(text, "R/optim-sgd.R:79", fixed = TRUE)
  expect_match(text, "advice: use optim_ignite_sgd", fixed = TRUE)
  expect_false(grepl("Python", text, fixed = TRUE))
})

test_that("Python's judge is asked about a failure where there is one", {
  skip_if_no_torch()
  python <- skip_if_no_python_crossoptim()
  withr::local_options(crossoptim.python = python)
  text <- failure_of("sgd/decay_momentum-ravine-f64", torch::optim_sgd)
  expect_match(text, "Python's judge: documented, by r-torch/sgd/weight-decay-adds-index", fixed = TRUE)
  # The same numbers under a name of which nothing is known.
  own <- function(params, lr, momentum, weight_decay) {
    torch::optim_sgd(params, lr, momentum, weight_decay = weight_decay)
  }
  text <- failure_of("sgd/decay_momentum-ravine-f64", own)
  said <- "Python's judge: diverges, it matches if the parameter in weight_decay * p is replaced by"
  expect_match(text, said, fixed = TRUE)
  expect_false(grepl("Known:", text, fixed = TRUE))
})

test_that("a known departure that bears on the case is a skip under its name", {
  skip_if_no_torch()
  known <- "r-torch/sgd/weight-decay-adds-index"
  expect_match(skip_of("sgd/decay_momentum-ravine-f64", torch::optim_sgd, known = known), known, fixed = TRUE)
  # Others do not help.
  failure_of("sgd/decay_momentum-ravine-f64", torch::optim_sgd, known = "r-torch/asgd/averaging-raises", python = FALSE)
  # Nor does one for a class that it does not concern, nor for a case on which it does not bear.
  expect_success(expect_trajectory("sgd/decay_momentum-ravine-f64", torch::optim_ignite_sgd, known = known))
  expect_success(expect_trajectory("sgd/momentum-ravine-f64", torch::optim_sgd, known = known))
  expect_error(
    expect_trajectory("sgd/momentum-ravine-f64", torch::optim_sgd, known = "r-torch/sgd/weight-decay"),
    "did you mean 'r-torch/sgd/weight-decay-adds-index'", class = "crossoptim_value_error"
  )
})

test_that("an error of the optimizer is a failure with its message and step, unless it is known", {
  skip_if_no_torch()
  text <- failure_of("asgd/accumulate-ravine-f64", torch::optim_asgd)
  expect_match(text, "torch::optim_asgd raised an error.\nstep 6, step: $ operator is invalid", fixed = TRUE)
  expect_match(text, "Known: r-torch/asgd/averaging-raises", fixed = TRUE)
  known <- "r-torch/asgd/averaging-raises"
  expect_match(skip_of("asgd/accumulate-ravine-f64", torch::optim_asgd, known = known), known, fixed = TRUE)

  breaks <- torch::optimizer("optim_breaks",
    initialize = function(params, lr) super$initialize(params, list(lr = lr)),
    step = function() stop("out of order")
  )
  text <- failure_of("sgd/plain-ravine-f64", breaks, known = known_quirks()$id)
  expect_match(text, "optim_breaks raised an error.\nstep 1, step: out of order", fixed = TRUE)
})

test_that("a departure that raises is no excuse for other numbers", {
  raises <- quirk_effects("r-torch/asgd/averaging-raises")
  changes <- quirk_effects("r-torch/sgd/weight-decay-adds-index")
  said <- function(text) list(verdict = "raises", notes = text)
  expect_false(explains(raises, list(verdict = "diverges")))
  expect_true(explains(changes, list(verdict = "diverges")))
  expect_false(explains(changes, said("step 6, step: $ operator is invalid for atomic vectors")))
  expect_true(explains(raises, said("step 6, step: $ operator is invalid for atomic vectors")))
  expect_false(explains(raises, said("step 6, step: cannot open file")))
})

test_that("what an optimizer cannot do is a skip with the reason", {
  skip_if_no_torch()
  expect_match(skip_of("adam/eps_inside-ravine-f64", torch::optim_adam), "eps_placement = inside", fixed = TRUE)
})

test_that("L-BFGS is skipped without Python", {
  skip_if_no_torch()
  expect_match(skip_of("lbfgs/plain-ravine-f64", torch::optim_lbfgs, python = FALSE), "judged by Python", fixed = TRUE)
})

test_that("L-BFGS is judged by Python", {
  skip_if_no_torch()
  withr::local_options(crossoptim.python = skip_if_no_python_crossoptim())
  expect_success(expect_trajectory("lbfgs/fixed-ravine-f32", torch::optim_lbfgs))
  known <- known_quirks("optim_lbfgs")$id
  text <- skip_of("lbfgs/wolfe-rosenbrock-f64", torch::optim_lbfgs, known = known)
  expect_match(text, "float32-history", fixed = TRUE)
})

test_that("a Python that ends in the middle is not asked again, and the failure is told without it", {
  skip_if_no_torch()
  quiet <- fake_python(c("case \"$2\" in import*) exit 0;; esac", "read line", "exit 3"))
  withr::local_options(crossoptim.python = quiet)
  before <- as.list(python_judge)
  withr::defer(list2env(list(session = before$session, missing = before$missing), python_judge))
  python_judge$session <- python_judge$missing <- NULL
  text <- failure_of("sgd/decay_momentum-ravine-f64", torch::optim_sgd)
  expect_match(text, "leaves the golden trajectory")
  expect_false(grepl("Python", text, fixed = TRUE))
  expect_true(python_judge$missing)
})

test_that("the test file for R torch is green, with its known departures", {
  skip_if_no_torch()
  file <- system.file("examples", "test-optim-golden.R", package = "crossoptim", mustWork = TRUE)
  # Of each class the first cases, and one that is known to fail where there is one.
  some <- function(name) {
    ids <- golden_cases(name)
    c(utils::head(ids, 2), intersect(c("sgd/decay-ravine-f32", "asgd/accumulate-ravine-f64"), ids))
  }
  text <- sub("crossoptim::golden_cases(name)", "some(name)", readLines(file), fixed = TRUE)
  expect_identical(sum(grepl("some(name)", text, fixed = TRUE)), 1L)
  shorter <- withr::local_tempfile(pattern = "test-", fileext = ".R")
  writeLines(text, shorter)
  env <- new.env()
  env$some <- some
  results <- as.data.frame(test_file(shorter, reporter = "silent", stop_on_failure = FALSE, env = env))
  classes <- c(golden_optimizers("r-torch"), golden_optimizers("r-torch-ignite"))
  expect_setequal(sub(" follows .*", "", results$test), classes)
  expect_identical(results$failed, integer(nrow(results)))
  expect_false(any(results$error))
  skipped <- results$test[results$skipped]
  expect_true("optim_sgd follows sgd/decay-ravine-f32" %in% skipped)
  expect_true("optim_asgd follows asgd/accumulate-ravine-f64" %in% skipped)
  expect_gt(sum(!results$skipped), 10)
})
