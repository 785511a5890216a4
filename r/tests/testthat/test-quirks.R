test_that("a class has its own quirks, with the cases that show them", {
  found <- known_quirks("optim_sgd", "defect")
  slip <- found[found$id == "r-torch/sgd/weight-decay-adds-index", ]
  expect_identical(slip$classes[[1]], "optim_sgd")
  expect_true("sgd/decay-ravine-f64" %in% slip$cases[[1]])
  expect_match(slip$upstream, "R/optim-sgd.R:79", fixed = TRUE)
  expect_true(all(vapply(found$classes, function(names) "optim_sgd" %in% names, NA)))
  expect_identical(unique(found$kind), "defect")
})

test_that("all of them are those of the R libraries, each with an advice", {
  found <- known_quirks()
  expect_true(all(startsWith(found$id, "r-torch")))
  expect_true(all(nzchar(found$title) & nzchar(found$advice)))
  expect_true(all(unlist(found$cases) %in% case_ids()))
  expect_identical(unique(sort(found$kind)), c("choice", "defect"))
})

test_that("they are printed as text, a selection of columns as a table", {
  local_reproducible_output(width = 80)
  slip <- known_quirks("optim_rmsprop")
  slip <- slip[slip$id == "r-torch/rmsprop/weight-decay-adds-index", ]
  expect_output(print(slip), "adds-index (defect)\n  weight decay adds the parameter's position", fixed = TRUE)
  expect_output(print(slip["id"]), "1? *r-torch/rmsprop")
  expect_output(print(slip[0, ]), "none", fixed = TRUE)
})

test_that("a wrong class or kind is refused", {
  expect_error(known_quirks("optim_sdg"), "did you mean 'optim_sgd'", class = "crossoptim_unknown_optimizer")
  expect_error(known_quirks(kind = "bug"), "kind is \"bug\"", class = "crossoptim_value_error")
})
