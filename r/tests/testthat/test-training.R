# A regression on four examples, in mini-batches of two that take them backwards; a network of two layers for classes.
material <- function(dtype = "float64") {
  tensor <- function(shape, data) list(dtype = dtype, shape = shape, data = data)
  list(
    features = tensor(c(4L, 2L), c(1, 2, 3, 4, 5, 6, 7, 8) / 8), labels = tensor(c(4L, 1L), c(1, 0, 2, 1)),
    order = list(dtype = "float64", shape = c(1L, 4L), data = c(3, 2, 1, 0)),
    weight1 = tensor(c(1L, 2L), c(0.5, -0.5)), bias1 = tensor(1L, 0.25)
  )
}

train_here <- function(tensors, layers, ..., implementation = "r-torch", optimizer = "optim_sgd",
                       arguments = list(lr = 0.5)) {
  folder <- withr::local_tempdir()
  write_safetensors(file.path(folder, "data"), tensors)
  answer <- ask(
    command = "train", implementation = implementation, case = "test", dtype = tensors$features$dtype,
    optimizer = list(name = optimizer, arguments = arguments), layers = layers, batch = 2L, ...,
    data = file.path(folder, "data"), answer = file.path(folder, "answer")
  )
  expect_identical(answer, list(outcome = "ok"))
  lapply(read_safetensors(file.path(folder, "answer"))$tensors, function(tensor) tensor$data)
}

test_that("a regression is trained as base R trains it", {
  skip_if_no_torch()
  x <- cbind(matrix(1:8 / 8, 4, byrow = TRUE), 1)
  y <- c(1, 0, 2, 1)
  w <- c(0.5, -0.5, 0.25)
  half <- function(rows) mean((x[rows, ] %*% w - y[rows])^2) / 2
  losses <- NULL
  curve <- half(1:4)
  for (rows in list(4:3, 2:1)) {
    losses <- c(losses, half(rows))
    w <- w - 0.5 * as.vector(crossprod(x[rows, ], x[rows, ] %*% w - y[rows])) / 2
    curve <- c(curve, half(1:4))
  }
  layers <- list(list("weight1", "bias1"))
  for (implementation in c("r-torch", "r-crossoptim")) {
    found <- train_here(material(), layers, loss = "half_squared_error", every = 1L, implementation = implementation)
    expect_within_ulps(c(found$weight1, found$bias1), w, 8, 1)
    expect_within_ulps(found$losses, losses, 8, 1)
    expect_within_ulps(found$curve, curve, 8, 1)
    expect_length(found$seconds, 1)
  }
})

test_that("classes are counted from 0, and ReLU is between the layers", {
  skip_if_no_torch()
  tensors <- material("float32")
  tensors$labels <- list(dtype = "float32", shape = 4L, data = c(0, 1, 2, 0))
  tensors$weight1 <- list(dtype = "float32", shape = c(2L, 2L), data = c(1, 0, -1, -1))
  tensors$bias1 <- list(dtype = "float32", shape = 2L, data = c(0, 0))
  tensors$weight2 <- list(dtype = "float32", shape = c(3L, 2L), data = c(0, 1, 1, 0, 2, -1))
  tensors$bias2 <- list(dtype = "float32", shape = 3L, data = c(0, 0, 0.5))
  layers <- list(list("weight1", "bias1"), list("weight2", "bias2"))
  found <- train_here(tensors, layers, loss = "cross_entropy", every = 0L)
  # the first mini-batch: examples 4 and 3, of which the second hidden unit is below zero
  scores <- rbind(c(0, 7 / 8, 2 * 7 / 8 + 0.5), c(0, 5 / 8, 2 * 5 / 8 + 0.5))
  expected <- mean(log(rowSums(exp(scores))) - c(scores[1, 1], scores[2, 3]))
  expect_within_ulps(found$losses[1], expected, 8 * 2^29, 1)
  expect_length(found$losses, 2)
  expect_length(found$curve, 0)
})

test_that("who trains nothing says so", {
  answer <- ask(command = "train", implementation = "base-r")
  expect_identical(answer, list(outcome = "unsupported", reason = "base-r trains no network"))
})
