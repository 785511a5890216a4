# A network on iris, trained in R torch. Its port to Python is iris.py; iris_r_torch_0.17.txt is what this prints with R torch 0.17:
#   Rscript docs/examples/iris.R
library(torch)
torch_set_num_threads(1)
torch_manual_seed(1)

x <- torch_tensor(scale(as.matrix(iris[1:4])))
y <- torch_tensor(as.integer(iris$Species))
model <- nn_sequential(nn_linear(4, 16), nn_tanh(), nn_linear(16, 3))
optimizer <- optim_sgd(model$parameters, lr = 0.1, momentum = 0.9, weight_decay = 0.01)
scheduler <- lr_step(optimizer, step_size = 20, gamma = 0.5)

for (epoch in 1:60) {
  optimizer$zero_grad()
  loss <- nnf_cross_entropy(model(x), y)
  loss$backward()
  optimizer$step()
  scheduler$step()
  cat(sprintf("%d %.6f\n", epoch, loss$item()))
}
