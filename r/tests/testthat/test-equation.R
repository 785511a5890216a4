test_that("a setting has the defaults of its optimizer, or of its preset", {
  adamw <- rule_setting("adamw", list(lr = 0.1))
  expect_identical(adamw$rule, "adam")
  wanted <- list(lr = 0.1, weight_decay = 0.01, decay = "decoupled")
  expect_identical(adamw$values[names(wanted)], wanted)
  expect_identical(rule_setting("adam")$values$weight_decay, 0)
  expect_null(rule_setting("adafactor")$values$eps1)
  expect_true("eps1" %in% names(rule_setting("adafactor")$values))
})

test_that("what the specification does not admit is refused, with option, value and interval", {
  refused <- function(pattern, ...) {
    expect_error(rule_setting(...), pattern, class = "crossoptim_value_error", fixed = TRUE)
  }
  refused("adam: 'beta' is not an option (expected one of lr, beta1", "adam", list(beta = 1))
  refused("adam: an option has no name", "adam", list(0.1))
  refused("adam: beta1 = 1 is outside [0, 1)", "adam", list(beta1 = 1))
  refused("adam: lr = NaN is outside [0, inf)", "adam", list(lr = NaN))
  refused("adam: lr = Inf is outside [0, inf)", "adam", list(lr = Inf))
  refused("adam: lr = TRUE is not a number (expected a number in [0, inf))", "adam", list(lr = TRUE))
  refused("adam: lr = NULL is not a number", "adam", list(lr = NULL))
  refused("adam: lr = 0.1, 0.2 is not a number", "adam", list(lr = c(0.1, 0.2)))
  refused("adam: amsgrad = NA is not a flag (expected TRUE or FALSE)", "adam", list(amsgrad = NA))
  refused("adam: decay = both is not a variant (expected one of coupled, decoupled)", "adam", list(decay = "both"))
  refused("muon: ns_steps = 2.5 is not a whole number", "muon", list(ns_steps = 2.5))
  refused("sgd: nesterov = true needs momentum > 0 and dampening = 0", "sgd", list(nesterov = TRUE))
  refused("rprop: step_size_min <= step_size_max is needed", "rprop", list(step_size_min = 2, step_size_max = 1))
  error <- tryCatch(rule_setting("adam", list(beta1 = 1)), error = identity)
  expect_identical(error[c("option", "value", "interval")], list(option = "beta1", value = 1, interval = "[0, 1)"))
  expect_error(rule_setting("adma"), "'adam'", class = "crossoptim_unknown_optimizer")
})

test_that("the equation of a setting is the one that the golden cases name", {
  for (optimizer in golden_optimizers()) {
    for (id in golden_cases(optimizer)[c(TRUE, FALSE, FALSE)]) {
      case <- read_case(id)
      for (spell in case$settings) {
        for (name in unlist(spell$params)) {
          found <- equation_for(case$rule, spell$values, case$initial[[name]]$shape)
          expect_identical(found$id, spell$equation, label = paste(id, name))
        }
      }
    }
  }
})

test_that("an equation may depend on the shape, and a rule may not take a shape", {
  values <- rule_setting("adafactor")$values
  expect_identical(unlist(equation_for("adafactor", values, c(2, 3))$state), c("row_var", "col_var"))
  expect_identical(unlist(equation_for("adafactor", values, 3)$state), "variance")
  expect_error(
    equation_for("muon", rule_setting("muon")$values, 3), "shape \\(3\\) \\(expected a matrix\\)",
    class = "crossoptim_value_error"
  )
})

test_that("per-step scalars are rounded once, also where digits cancel", {
  equation <- list(scalars = list(
    list("bias", "1 - beta ** t"), list("fall", "(1 + 0.1 * t) ** (-0.75)"), list("quotient", "1 / (3 * beta)"),
    list("up", "where(t > 2, sqrt(t), maximum(1, beta))")
  ))
  got <- reference_scalars(equation, list(beta = 0.999), 7)
  # By mpmath with 60 digits, rounded to double.
  expect_identical(got$bias, 0.0069790349650209992)
  expect_identical(got$fall, 0.67168137966789787)
  expect_identical(got$quotient, 0.33366700033366697)
  expect_identical(got$up, sqrt(7))
  extreme <- list(scalars = list(
    list("a", "0 / x"), list("b", "1 / x"), list("c", "x ** 0.5"), list("d", "2 ** (x + 0.5)")
  ))
  expect_identical(reference_scalars(extreme, list(x = Inf), 1), list(a = 0, b = 0, c = Inf, d = Inf))
  expect_identical(reference_scalars(extreme, list(x = 0), 1)[1:3], list(a = NaN, b = Inf, c = 0))
})
