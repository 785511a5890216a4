# Trains a network of linear layers with ReLU between them: R torch's functions, autograd and an optimizer on it.

train_torch <- function(request) {
  require_torch()
  given <- read_safetensors(request$data)$tensors
  dtype <- torch_dtype(request$dtype)
  tensors <- lapply(given, function(tensor) row_tensor(tensor$data, tensor$shape, dtype))
  params <- lapply(tensors[unlist(request$layers)], function(tensor) tensor$requires_grad_(TRUE))
  group <- list(params = names(params), arguments = request$optimizer$arguments)
  subject <- new_subject(utils::modifyList(request$optimizer, list(groups = list(group))), params)
  loss_on <- training_loss(request, params)
  whole <- function() torch::with_no_grad(loss_on(tensors$features, tensors$labels)$item())

  order <- matrix(given$order$data + 1, ncol = given$order$shape[2], byrow = TRUE)
  losses <- curve <- seconds <- NULL
  if (request$every > 0) {
    curve <- whole()
  }
  for (epoch in seq_len(nrow(order))) {
    began <- proc.time()[["elapsed"]]
    batches <- split(order[epoch, ], ceiling(seq_len(ncol(order)) / request$batch))
    taken <- vapply(seq_along(batches), function(step) {
      rows <- torch::torch_tensor(batches[[step]], dtype = torch::torch_long())
      features <- tensors$features$index_select(1, rows)
      labels <- tensors$labels$index_select(1, rows)
      subject$zero_grad()
      loss <- subject$evaluate(function() loss_on(features, labels))
      subject$step()
      if (request$every > 0 && (step %% request$every == 0 || step == length(batches))) {
        curve <<- c(curve, whole())
      }
      loss$item()
    }, 0)
    losses <- c(losses, taken)
    seconds <- c(seconds, proc.time()[["elapsed"]] - began)
  }
  numbers <- function(data, dtype) list(dtype = dtype, shape = length(data), data = as.double(data))
  ends <- lapply(params, function(param) list(dtype = request$dtype, shape = param$shape, data = row_of(param)))
  measured <- list(
    losses = numbers(losses, request$dtype),
    curve = numbers(curve, request$dtype),
    seconds = numbers(seconds, "float64")
  )
  write_safetensors(request$answer, c(ends, measured))
}

train_own_torch <- function(request) {
  request$optimizer$class <- own_optimizer_class(request$optimizer$name)
  train_torch(request)
}

# A function of features and labels: the loss of the network as the parameters stand.
training_loss <- function(request, params) {
  network <- function(x) {
    for (layer in request$layers) {
      hidden <- !identical(layer, request$layers[[1]])
      x <- torch::nnf_linear(if (hidden) torch::nnf_relu(x) else x, params[[layer[[1]]]], params[[layer[[2]]]])
    }
    x
  }
  switch(request$loss,
    half_squared_error = function(x, y) torch::nnf_mse_loss(network(x), y) / 2,
    # R's classes are counted from 1.
    cross_entropy = function(x, y) torch::nnf_cross_entropy(network(x), (y + 1)$to(dtype = torch::torch_long())),
    abort(sprintf("loss '%s' is not half_squared_error or cross_entropy", request$loss), "crossoptim_value_error")
  )
}
