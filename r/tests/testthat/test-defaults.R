# What the specification says of R torch's classes, held against the constructors themselves.

test_that("R torch's constructors have the arguments and defaults that the specification states", {
  for (bound in r_torch_bindings()) {
    have <- formals(bound$constructor)
    expect_identical(names(have), c("params", names(bound$class$args)), label = bound$name)
    for (argument in names(bound$class$defaults)) {
      default <- eval(have[[argument]], asNamespace("torch"))
      expect_identical(default, stated(bound$class$defaults[[argument]]), label = paste(bound$name, argument))
    }
  }
})

test_that("an argument without a stated default is required", {
  for (bound in r_torch_bindings()) {
    required <- setdiff(names(bound$class$args), names(bound$class$defaults))
    if (length(required) == 0) {
      expect_s3_class(construct(bound), "torch_optimizer")
    }
    for (argument in required) {
      marker <- eval(formals(bound$constructor)[[argument]], asNamespace("torch"))
      expect_s3_class(marker, "optim_required")
      expect_error(construct(bound), c(lr = "learning rate")[[argument]], label = bound$name)
    }
  }
})

test_that("a constructor accepts what its bounds admit, to the closed end, and nothing beyond", {
  for (bound in r_torch_bindings()) {
    for (argument in names(bound$class$args)) {
      for (position in seq_along(bound$class$args[[argument]])) {
        for (end in ends_of(interval(bound, argument, position))) {
          expect_bound(bound, argument, position, end$value, accepted = end$closed)
          expect_bound(bound, argument, position, end$beyond, accepted = FALSE)
        }
      }
    }
  }
})
