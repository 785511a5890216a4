# Made by `crossoptim generate` from the specification: not to be edited by hand.

# Of each function: its optimizer, and what it calls the specification's options, state variables and kept numbers.
optimizer_bindings <- list(
  optim_adabelief = list(
    name = "optim_adabelief",
    optimizer = "adabelief",
    rule = "adabelief",
    args = list(lr = "lr", beta1 = "beta1", beta2 = "beta2", eps = "eps", weight_decay = "weight_decay",
                amsgrad = "amsgrad", rectify = "rectify", maximize = "maximize", eps_in_moment = "eps_in_moment",
                decay = "decay", until_rectified = "until_rectified"),
    switches = list(),
    spellings = list(),
    state = list(m = "m", s = "s", s_max = "s_max"),
    kept = list(),
    gradients = "dense"
  ),
  optim_adabound = list(
    name = "optim_adabound",
    optimizer = "adabound",
    rule = "adabound",
    args = list(lr = "lr", beta1 = "beta1", beta2 = "beta2", final_lr = "final_lr", gamma = "gamma", eps = "eps",
                weight_decay = "weight_decay", amsbound = "amsbound", maximize = "maximize",
                bias_correction = "bias_correction", step_decay = "step_decay", decay = "decay"),
    switches = list(),
    spellings = list(),
    state = list(m = "m", v = "v", v_max = "v_max"),
    kept = list(base_lr = "base_lr"),
    gradients = "dense"
  ),
  optim_adadelta = list(
    name = "optim_adadelta",
    optimizer = "adadelta",
    rule = "adadelta",
    args = list(lr = "lr", rho = "rho", eps = "eps", weight_decay = "weight_decay", maximize = "maximize"),
    switches = list(),
    spellings = list(),
    state = list(v = "square_avg", u = "acc_delta"),
    kept = list(),
    gradients = "dense"
  ),
  optim_adafactor = list(
    name = "optim_adafactor",
    optimizer = "adafactor",
    rule = "adafactor",
    args = list(lr = "lr", beta2_decay = "beta2_decay", eps = c("eps1", "eps2"), d = "d",
                weight_decay = "weight_decay", maximize = "maximize", eps1_placement = "eps1_placement",
                step = "step"),
    switches = list(),
    spellings = list(),
    state = list(row_var = "row_var", col_var = "col_var", variance = "variance"),
    kept = list(),
    gradients = "dense"
  ),
  optim_adagrad = list(
    name = "optim_adagrad",
    optimizer = "adagrad",
    rule = "adagrad",
    args = list(lr = "lr", lr_decay = "lr_decay", weight_decay = "weight_decay",
                initial_accumulator_value = "initial_accumulator_value", eps = "eps", maximize = "maximize",
                eps_placement = "eps_placement"),
    switches = list(),
    spellings = list(),
    state = list(v = "sum"),
    kept = list(),
    gradients = "dense"
  ),
  optim_adam = list(
    name = "optim_adam",
    optimizer = "adam",
    rule = "adam",
    args = list(lr = "lr", betas = c("beta1", "beta2"), eps = "eps", weight_decay = "weight_decay",
                amsgrad = "amsgrad", maximize = "maximize", decay = "decay", eps_placement = "eps_placement",
                eps_order = "eps_order", bias_correction = "bias_correction"),
    switches = list(),
    spellings = list(),
    state = list(m = "exp_avg", v = "exp_avg_sq", v_max = "max_exp_avg_sq"),
    kept = list(),
    gradients = "dense"
  ),
  optim_adamax = list(
    name = "optim_adamax",
    optimizer = "adamax",
    rule = "adamax",
    args = list(lr = "lr", betas = c("beta1", "beta2"), eps = "eps", weight_decay = "weight_decay",
                maximize = "maximize", eps_placement = "eps_placement"),
    switches = list(),
    spellings = list(),
    state = list(m = "exp_avg", u = "exp_inf"),
    kept = list(),
    gradients = "dense"
  ),
  optim_adamw = list(
    name = "optim_adamw",
    optimizer = "adamw",
    rule = "adam",
    args = list(lr = "lr", betas = c("beta1", "beta2"), eps = "eps", weight_decay = "weight_decay",
                amsgrad = "amsgrad", maximize = "maximize", eps_placement = "eps_placement", eps_order = "eps_order",
                bias_correction = "bias_correction"),
    switches = list(decay = "decoupled"),
    spellings = list(),
    state = list(m = "exp_avg", v = "exp_avg_sq", v_max = "max_exp_avg_sqs"),
    kept = list(),
    gradients = "dense"
  ),
  optim_adan = list(
    name = "optim_adan",
    optimizer = "adan",
    rule = "adan",
    args = list(lr = "lr", beta1 = "beta1", beta2 = "beta2", beta3 = "beta3", eps = "eps",
                weight_decay = "weight_decay", maximize = "maximize", decay = "decay",
                moments_start = "moments_start"),
    switches = list(),
    spellings = list(),
    state = list(m = "m", v = "v", n = "n", previous = "previous"),
    kept = list(),
    gradients = "dense"
  ),
  optim_adopt = list(
    name = "optim_adopt",
    optimizer = "adopt",
    rule = "adopt",
    args = list(lr = "lr", beta1 = "beta1", beta2 = "beta2", eps = "eps", weight_decay = "weight_decay",
                maximize = "maximize", clipping = "clipping", decay = "decay"),
    switches = list(),
    spellings = list(),
    state = list(m = "m", v = "v"),
    kept = list(),
    gradients = "dense"
  ),
  optim_asgd = list(
    name = "optim_asgd",
    optimizer = "asgd",
    rule = "asgd",
    args = list(lr = "lr", lambda = "lambd", alpha = "alpha", t0 = "t0", weight_decay = "weight_decay",
                maximize = "maximize"),
    switches = list(),
    spellings = list(),
    state = list(ax = "ax"),
    kept = list(eta = "eta", mu = "mu"),
    gradients = "dense"
  ),
  optim_lamb = list(
    name = "optim_lamb",
    optimizer = "lamb",
    rule = "lamb",
    args = list(lr = "lr", beta1 = "beta1", beta2 = "beta2", eps = "eps", weight_decay = "weight_decay",
                norm_max = "norm_max", maximize = "maximize", bias_correction = "bias_correction"),
    switches = list(),
    spellings = list(),
    state = list(m = "m", v = "v"),
    kept = list(),
    gradients = "dense"
  ),
  optim_lars = list(
    name = "optim_lars",
    optimizer = "lars",
    rule = "lars",
    args = list(lr = "lr", momentum = "momentum", weight_decay = "weight_decay",
                trust_coefficient = "trust_coefficient", maximize = "maximize", momentum_form = "momentum_form"),
    switches = list(),
    spellings = list(),
    state = list(velocity = "velocity"),
    kept = list(),
    gradients = "dense"
  ),
  optim_lbfgs = list(
    name = "optim_lbfgs",
    optimizer = "lbfgs",
    rule = "lbfgs",
    args = list(lr = "lr", max_iter = "max_iter", max_eval = "max_eval", tolerance_grad = "tolerance_grad",
                tolerance_change = "tolerance_change", history_size = "history_size", line_search_fn = "line_search"),
    switches = list(),
    spellings = list(line_search_fn = list(none = NULL, strong_wolfe = "strong_wolfe")),
    state = list(),
    kept = list(),
    gradients = "dense"
  ),
  optim_lion = list(
    name = "optim_lion",
    optimizer = "lion",
    rule = "lion",
    args = list(lr = "lr", beta1 = "beta1", beta2 = "beta2", weight_decay = "weight_decay", maximize = "maximize"),
    switches = list(),
    spellings = list(),
    state = list(m = "m"),
    kept = list(),
    gradients = "dense"
  ),
  optim_madgrad = list(
    name = "optim_madgrad",
    optimizer = "madgrad",
    rule = "madgrad",
    args = list(lr = "lr", momentum = "momentum", eps = "eps", weight_decay = "weight_decay", maximize = "maximize",
                lr_offset = "lr_offset", decay = "decay"),
    switches = list(),
    spellings = list(),
    state = list(s = "s", v = "v", x0 = "x0"),
    kept = list(),
    gradients = "dense"
  ),
  optim_muon = list(
    name = "optim_muon",
    optimizer = "muon",
    rule = "muon",
    args = list(lr = "lr", weight_decay = "weight_decay", momentum = "momentum", nesterov = "nesterov",
                ns_coefficients = c("ns_a", "ns_b", "ns_c"), eps = "eps", ns_steps = "ns_steps",
                adjust_lr_fn = "adjust_lr_fn", momentum_form = "momentum_form"),
    switches = list(),
    spellings = list(adjust_lr_fn = list(original = NULL, match_rms_adamw = "match_rms_adamw")),
    state = list(momentum_buffer = "momentum_buffer"),
    kept = list(),
    gradients = "dense"
  ),
  optim_nadam = list(
    name = "optim_nadam",
    optimizer = "nadam",
    rule = "nadam",
    args = list(lr = "lr", betas = c("beta1", "beta2"), eps = "eps", weight_decay = "weight_decay",
                momentum_decay = "momentum_decay", decoupled_weight_decay = "decay", maximize = "maximize",
                momentum_schedule = "momentum_schedule"),
    switches = list(),
    spellings = list(decoupled_weight_decay = list(coupled = FALSE, decoupled = TRUE)),
    state = list(m = "exp_avg", v = "exp_avg_sq"),
    kept = list(mu_product = "mu_product"),
    gradients = "dense"
  ),
  optim_qhadam = list(
    name = "optim_qhadam",
    optimizer = "qhadam",
    rule = "qhadam",
    args = list(lr = "lr", beta1 = "beta1", beta2 = "beta2", nu1 = "nu1", nu2 = "nu2", eps = "eps",
                weight_decay = "weight_decay", maximize = "maximize", decay = "decay"),
    switches = list(),
    spellings = list(),
    state = list(m = "m", v = "v"),
    kept = list(),
    gradients = "dense"
  ),
  optim_radam = list(
    name = "optim_radam",
    optimizer = "radam",
    rule = "radam",
    args = list(lr = "lr", betas = c("beta1", "beta2"), eps = "eps", weight_decay = "weight_decay",
                decoupled_weight_decay = "decay", maximize = "maximize", rectify_above = "rectify_above"),
    switches = list(),
    spellings = list(decoupled_weight_decay = list(coupled = FALSE, decoupled = TRUE)),
    state = list(m = "exp_avg", v = "exp_avg_sq"),
    kept = list(),
    gradients = "dense"
  ),
  optim_rmsprop = list(
    name = "optim_rmsprop",
    optimizer = "rmsprop",
    rule = "rmsprop",
    args = list(lr = "lr", alpha = "alpha", eps = "eps", weight_decay = "weight_decay", momentum = "momentum",
                centered = "centered", maximize = "maximize", eps_placement = "eps_placement",
                momentum_form = "momentum_form"),
    switches = list(),
    spellings = list(),
    state = list(v = "square_avg", velocity = "momentum_buffer", mean = "grad_avg"),
    kept = list(),
    gradients = "dense"
  ),
  optim_rprop = list(
    name = "optim_rprop",
    optimizer = "rprop",
    rule = "rprop",
    args = list(lr = "lr", etas = c("eta_minus", "eta_plus"), step_sizes = c("step_size_min", "step_size_max"),
                maximize = "maximize", sign_change = "sign_change"),
    switches = list(),
    spellings = list(),
    state = list(previous = "prev", step_size = "step_size", move = "move"),
    kept = list(),
    gradients = "dense"
  ),
  optim_schedule_free_adamw = list(
    name = "optim_schedule_free_adamw",
    optimizer = "schedule_free_adamw",
    rule = "schedule_free_adamw",
    args = list(lr = "lr", beta1 = "beta1", beta2 = "beta2", eps = "eps", weight_decay = "weight_decay",
                warmup_steps = "warmup_steps", r = "r", weight_lr_power = "weight_lr_power", maximize = "maximize",
                bias_correction = "bias_correction", weight_rate = "weight_rate", decay_at = "decay_at"),
    switches = list(),
    spellings = list(),
    state = list(z = "z", y = "y", v = "v"),
    kept = list(lr_max = "lr_max", weight_sum = "weight_sum"),
    gradients = "dense"
  ),
  optim_schedule_free_sgd = list(
    name = "optim_schedule_free_sgd",
    optimizer = "schedule_free_sgd",
    rule = "schedule_free_sgd",
    args = list(lr = "lr", momentum = "momentum", weight_decay = "weight_decay", warmup_steps = "warmup_steps",
                r = "r", weight_lr_power = "weight_lr_power", maximize = "maximize", weight_rate = "weight_rate",
                average_start = "average_start"),
    switches = list(),
    spellings = list(),
    state = list(z = "z", y = "y"),
    kept = list(lr_max = "lr_max", weight_sum = "weight_sum"),
    gradients = "dense"
  ),
  optim_sgd = list(
    name = "optim_sgd",
    optimizer = "sgd",
    rule = "sgd",
    args = list(lr = "lr", momentum = "momentum", dampening = "dampening", weight_decay = "weight_decay",
                nesterov = "nesterov", maximize = "maximize", momentum_form = "momentum_form",
                nesterov_form = "nesterov_form", first_step = "first_step"),
    switches = list(),
    spellings = list(),
    state = list(velocity = "momentum_buffer", lookahead = "lookahead"),
    kept = list(),
    gradients = "dense"
  ),
  optim_sparse_adam = list(
    name = "optim_sparse_adam",
    optimizer = "sparse_adam",
    rule = "sparse_adam",
    args = list(lr = "lr", betas = c("beta1", "beta2"), eps = "eps", maximize = "maximize"),
    switches = list(),
    spellings = list(),
    state = list(m = "exp_avg", v = "exp_avg_sq"),
    kept = list(),
    gradients = "sparse"
  ),
  optim_yogi = list(
    name = "optim_yogi",
    optimizer = "yogi",
    rule = "yogi",
    args = list(lr = "lr", beta1 = "beta1", beta2 = "beta2", eps = "eps", initial_accumulator = "initial_accumulator",
                weight_decay = "weight_decay", maximize = "maximize", bias_correction = "bias_correction",
                first_moment_start = "first_moment_start", decay = "decay"),
    switches = list(),
    spellings = list(),
    state = list(m = "m", v = "v"),
    kept = list(),
    gradients = "dense"
  )
)

#' AdaBelief for R torch
#'
#' The specification's equation of AdaBelief on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param beta1 Decay of the first moment; in `[0, 1)`.
#' @param beta2 Decay of the second moment; in `[0, 1)`.
#' @param eps Keeps the denominator from zero, and the second moment too; in `[0, inf)`.
#' @param weight_decay Rate of decay, or L2 penalty; in `[0, inf)`.
#' @param amsgrad Divide by the largest second moment so far: `TRUE` or `FALSE`.
#' @param rectify Hold the adaptive step back while the variance of the second moment is large, as RAdam does: `TRUE` or
#'   `FALSE`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param eps_in_moment Eps is added to the second moment at each step and stays there, is added under the root only, or
#'   in the denominator only: `"kept"` (Zhuang et al. 2020 (NeurIPS), Algorithm 2; adabelief_pytorch,
#'   pytorch_optimizer), or `"passing"` (arXiv:2010.07468v2, Algorithm 2, and the appendix of the later versions), or
#'   `"absent"` (arXiv:2010.07468v1, Algorithm 2).
#' @param decay Weight decay shrinks the parameter at a rate times the learning rate, or at the rate itself, or enters
#'   the gradient: `"decoupled"` (adabelief_pytorch, weight_decouple = True), or `"fixed"` (adabelief_pytorch,
#'   fixed_decay = True), or `"coupled"` (adabelief_pytorch, weight_decouple = False).
#' @param until_rectified The steps before the variance can be rectified follow the first moment, or are left out:
#'   `"momentum"` (adabelief_pytorch, degenerated_to_sgd = True), or `"nothing"` (adabelief_pytorch, degenerated_to_sgd
#'   = False).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `m`: first moment: moving average of the gradient.
#' * `s`: second moment: moving average of the squared deviation of the gradient from m.
#' * `s_max`: the largest second moment so far.
#' @section Sources:
#' * Zhuang et al. 2020, arXiv:2010.07468, Algorithm 2
#' * juntang-zhuang/Adabelief-Optimizer, adabelief_pytorch 0.2.0 (weight decay, amsgrad, rectification)
#' * Liu et al. 2020, arXiv:1908.03265, Algorithm 2 (rectification)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_adabelief(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_adabelief <- function(params, lr = 0.001, beta1 = 0.9, beta2 = 0.999, eps = 1e-16, weight_decay = 0,
                            amsgrad = FALSE, rectify = FALSE, maximize = FALSE, eps_in_moment = "kept",
                            decay = "decoupled", until_rectified = "momentum") {
  new_optimizer("optim_adabelief", environment())
}
attr(optim_adabelief, "binding") <- optimizer_bindings$optim_adabelief

#' AdaBound for R torch
#'
#' The specification's equation of AdaBound on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate of Adam; in `[0, inf)`.
#' @param beta1 Decay of the first moment; in `[0, 1)`.
#' @param beta2 Decay of the second moment; in `[0, 1)`.
#' @param final_lr Learning rate of SGD, where the bounds meet; in `[0, inf)`.
#' @param gamma How fast the bounds meet; in `(0, inf)`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param weight_decay L2 penalty, or the rate of decay; in `[0, inf)`.
#' @param amsbound Divide by the largest second moment so far: `TRUE` or `FALSE`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param bias_correction Whether the moments are corrected for their start at zero: `"on"` (Luolc/AdaBound), or `"off"`
#'   (Luo et al. 2019, Algorithm 2).
#' @param step_decay The clipped learning rates are used as they are, or divided by the root of the step count: `"none"`
#'   (Luolc/AdaBound), or `"root"` (Luo et al. 2019, Algorithm 2).
#' @param decay Weight decay enters the gradient, or shrinks the parameter at a rate times the learning rate, or at the
#'   rate itself: `"coupled"` (Luolc/AdaBound AdaBound), or `"decoupled"` (pytorch_optimizer AdaBound), or `"fixed"`
#'   (Luolc/AdaBound AdaBoundW; pytorch_optimizer with fixed_decay).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `m`: first moment: moving average of the gradient.
#' * `v`: second moment: moving average of the squared gradient.
#' * `v_max`: the largest second moment so far.
#' * `base_lr`: the first learning rate that was not zero: final_lr belongs to it.
#' @section Sources:
#' * Luo, Xiong, Liu & Sun 2019, arXiv:1902.09843, Algorithms 2 (AdaBound) and 3 (AMSBound)
#' * Luolc/AdaBound, adabound/adabound.py (bias correction, the bounds' speed gamma, final_lr following lr)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_adabound(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_adabound <- function(params, lr = 0.001, beta1 = 0.9, beta2 = 0.999, final_lr = 0.1, gamma = 0.001, eps = 1e-8,
                           weight_decay = 0, amsbound = FALSE, maximize = FALSE, bias_correction = "on",
                           step_decay = "none", decay = "coupled") {
  new_optimizer("optim_adabound", environment())
}
attr(optim_adabound, "binding") <- optimizer_bindings$optim_adabound

#' Adadelta for R torch
#'
#' The specification's equation of Adadelta on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr What the step is multiplied with; the paper has none; in `[0, inf)`.
#' @param rho Decay of both mean squares; in `[0, 1]`.
#' @param eps Added under both roots; the size of the first step; in `[0, inf)`.
#' @param weight_decay L2 penalty, added to the gradient; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `square_avg`: moving average of the squared gradient.
#' * `acc_delta`: moving average of the squared step, before the learning rate.
#' @section Sources:
#' * Zeiler 2012, arXiv:1212.5701, Algorithm 1
#' * PyTorch Adadelta (lr, weight_decay)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_adadelta(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_adadelta <- function(params, lr = 1, rho = 0.9, eps = 1e-6, weight_decay = 0, maximize = FALSE) {
  new_optimizer("optim_adadelta", environment())
}
attr(optim_adadelta, "binding") <- optimizer_bindings$optim_adadelta

#' Adafactor for R torch
#'
#' The specification's equation of Adafactor on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr The largest relative step; or the step; in `[0, inf)`.
#' @param beta2_decay A step takes the share t^beta2_decay into the second moment; in `(-inf, 0]`.
#' @param eps Keeps the second moment from zero; none for the machine epsilon of the parameter's dtype; in `[0, inf)`,
#'   or `NA`; what the root mean square of a small parameter counts as; in `[0, inf)`.
#' @param d Root mean square above which an update is clipped; in `[1, inf)`.
#' @param weight_decay Rate of decoupled weight decay; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param eps1_placement The first epsilon is a floor below the second moment and the row means, or is added to the
#'   squared gradient: `"floor"` (PyTorch Adafactor), or `"added"` (Shazeer & Stern 2018, Algorithms 4 and 5).
#' @param step Steps are relative to the parameter's root mean square and shrink with 1 / sqrt(t), or lr is the step:
#'   `"relative"` (Shazeer & Stern 2018, section 8 and Algorithm 4), or `"absolute"` (Shazeer & Stern 2018, Algorithm
#'   2).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `row_var`: moving mean of each row's squared gradients.
#' * `col_var`: moving mean of each column's squared gradients.
#' * `variance`: second moment: moving average of the squared gradient.
#' @section Sources:
#' * Shazeer & Stern 2018, arXiv:1804.04235, Algorithms 4 (matrices), 5 (vectors) and 6 (hyperparameters)
#' * PyTorch Adafactor: means for sums, the first epsilon as a floor, lr as the largest relative step, decoupled weight
#'   decay
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_adafactor(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_adafactor <- function(params, lr = 0.01, beta2_decay = -0.8, eps = c(NA, 0.001), d = 1, weight_decay = 0,
                            maximize = FALSE, eps1_placement = "floor", step = "relative") {
  new_optimizer("optim_adafactor", environment())
}
attr(optim_adafactor, "binding") <- optimizer_bindings$optim_adafactor

#' Adagrad for R torch
#'
#' The specification's equation of Adagrad on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param lr_decay The learning rate is divided by 1 + lr_decay for each step taken; in `[0, inf)`.
#' @param weight_decay L2 penalty, added to the gradient; in `[0, inf)`.
#' @param initial_accumulator_value Where the sum of squares starts; in `[0, inf)`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param eps_placement Eps is added to the root of the sum of squares, or under it: `"outside"` (Duchi, Hazan & Singer
#'   2011, figure 1; Keydana 2023, eq. 8.4; PyTorch), or `"inside"` (hand-written forms in tutorials: sqrt(v + eps); the
#'   formula in R torch's documentation).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `sum`: the sum of squared gradients.
#' @section Sources:
#' * Duchi, Hazan & Singer 2011, JMLR 12:2121-2159, the diagonal form
#' * PyTorch Adagrad (lr_decay, weight_decay, initial_accumulator_value)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_adagrad(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_adagrad <- function(params, lr = 0.01, lr_decay = 0, weight_decay = 0, initial_accumulator_value = 0,
                          eps = 1e-10, maximize = FALSE, eps_placement = "outside") {
  new_optimizer("optim_adagrad", environment())
}
attr(optim_adagrad, "binding") <- optimizer_bindings$optim_adagrad

#' Adam for R torch
#'
#' The specification's equation of Adam on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param betas Decay of the first moment; in `[0, 1)`; decay of the second moment; in `[0, 1)`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param weight_decay L2 penalty, or the rate of decoupled decay; in `[0, inf)`.
#' @param amsgrad Divide by the largest second moment so far: `TRUE` or `FALSE`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param decay Weight decay enters the gradient, or shrinks the parameter directly: `"coupled"` (PyTorch Adam), or
#'   `"decoupled"` (Loshchilov & Hutter 2019, Algorithm 2; PyTorch AdamW).
#' @param eps_placement Eps is added to the root of the second moment, or under it: `"outside"` (Kingma & Ba 2015,
#'   Algorithm 1), or `"inside"` (hand-written forms in tutorials: sqrt(v + eps)).
#' @param eps_order Eps joins after the bias correction of the second moment, or before it: `"after"` (Kingma & Ba 2015,
#'   Algorithm 1), or `"before"` (Kingma & Ba 2015, end of section 2 (epsilon hat)).
#' @param bias_correction Whether the moments are corrected for their start at zero: `"on"` (Kingma & Ba 2015, Algorithm
#'   1), or `"off"` (R torch book, eqs. 8.7-8.9).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `exp_avg`: first moment: moving average of the gradient.
#' * `exp_avg_sq`: second moment: moving average of the squared gradient.
#' * `max_exp_avg_sq`: the largest second moment so far.
#' @section Sources:
#' * Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1
#' * Reddi, Kale & Kumar 2018, Algorithm 2 (amsgrad)
#' * Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2 (decoupled weight decay)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_adam(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_adam <- function(params, lr = 0.001, betas = c(0.9, 0.999), eps = 1e-8, weight_decay = 0, amsgrad = FALSE,
                       maximize = FALSE, decay = "coupled", eps_placement = "outside", eps_order = "after",
                       bias_correction = "on") {
  new_optimizer("optim_adam", environment())
}
attr(optim_adam, "binding") <- optimizer_bindings$optim_adam

#' Adamax for R torch
#'
#' The specification's equation of Adamax on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param betas Decay of the first moment; in `[0, 1)`; decay of the infinity norm; in `[0, 1)`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param weight_decay L2 penalty, added to the gradient; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param eps_placement Eps is added to the size of each gradient that enters the norm, or to the norm where it divides:
#'   `"in_norm"` (PyTorch, optax), or `"in_denominator"` (Keras).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `exp_avg`: first moment: moving average of the gradient.
#' * `exp_inf`: the exponentially weighted infinity norm of the gradient.
#' @section Sources:
#' * Kingma & Ba 2015, arXiv:1412.6980, Algorithm 2 (which has no eps: eps = 0)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_adamax(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_adamax <- function(params, lr = 0.002, betas = c(0.9, 0.999), eps = 1e-8, weight_decay = 0, maximize = FALSE,
                         eps_placement = "in_norm") {
  new_optimizer("optim_adamax", environment())
}
attr(optim_adamax, "binding") <- optimizer_bindings$optim_adamax

#' AdamW for R torch
#'
#' The specification's equation of Adam on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param betas Decay of the first moment; in `[0, 1)`; decay of the second moment; in `[0, 1)`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param weight_decay L2 penalty, or the rate of decoupled decay; in `[0, inf)`.
#' @param amsgrad Divide by the largest second moment so far: `TRUE` or `FALSE`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param eps_placement Eps is added to the root of the second moment, or under it: `"outside"` (Kingma & Ba 2015,
#'   Algorithm 1), or `"inside"` (hand-written forms in tutorials: sqrt(v + eps)).
#' @param eps_order Eps joins after the bias correction of the second moment, or before it: `"after"` (Kingma & Ba 2015,
#'   Algorithm 1), or `"before"` (Kingma & Ba 2015, end of section 2 (epsilon hat)).
#' @param bias_correction Whether the moments are corrected for their start at zero: `"on"` (Kingma & Ba 2015, Algorithm
#'   1), or `"off"` (R torch book, eqs. 8.7-8.9).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `exp_avg`: first moment: moving average of the gradient.
#' * `exp_avg_sq`: second moment: moving average of the squared gradient.
#' * `max_exp_avg_sqs`: the largest second moment so far.
#' @section Sources:
#' * Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2
#' * Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1
#' * Reddi, Kale & Kumar 2018, Algorithm 2 (amsgrad)
#' * Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2 (decoupled weight decay)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_adamw(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_adamw <- function(params, lr = 0.001, betas = c(0.9, 0.999), eps = 1e-8, weight_decay = 0.01, amsgrad = FALSE,
                        maximize = FALSE, eps_placement = "outside", eps_order = "after", bias_correction = "on") {
  new_optimizer("optim_adamw", environment())
}
attr(optim_adamw, "binding") <- optimizer_bindings$optim_adamw

#' Adan for R torch
#'
#' The specification's equation of Adan on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param beta1 Decay of the gradient's average; in `[0, 1)`.
#' @param beta2 Decay of the difference's average; in `[0, 1)`.
#' @param beta3 Decay of the second moment; in `[0, 1)`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param weight_decay Rate of decay; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param decay Weight decay divides the parameter after the step, or shrinks it before: `"proximal"` (Xie et al. 2022,
#'   Algorithm 1), or `"decoupled"` (sail-sg/Adan, no_prox = True).
#' @param moments_start The averages start at zero and are corrected for it, or start as the first gradient, difference
#'   and square: `"zero"` (sail-sg/Adan), or `"first_gradient"` (Xie et al. 2022, Algorithm 1).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `m`: moving average of the gradient.
#' * `v`: moving average of the difference from the gradient before.
#' * `n`: second moment: moving average of the squared gradient with Nesterov's correction.
#' * `previous`: the last gradient.
#' @section Sources:
#' * Xie, Zhou, Li, Lin & Yan 2022, arXiv:2208.06677, Algorithm 1, with 1 - beta for the paper's beta
#' * sail-sg/Adan, adan.py (without its clipping of the norm of all gradients)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_adan(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_adan <- function(params, lr = 0.001, beta1 = 0.98, beta2 = 0.92, beta3 = 0.99, eps = 1e-8, weight_decay = 0,
                       maximize = FALSE, decay = "proximal", moments_start = "zero") {
  new_optimizer("optim_adan", environment())
}
attr(optim_adan, "binding") <- optimizer_bindings$optim_adan

#' ADOPT for R torch
#'
#' The specification's equation of ADOPT on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param beta1 Decay of the first moment; in `[0, 1)`.
#' @param beta2 Decay of the second moment; in `[0, 1)`.
#' @param eps The least denominator; in `[0, inf)`.
#' @param weight_decay L2 penalty, or the rate of decoupled decay; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param clipping The normalised gradient is clipped at the fourth root of the number of steps, or taken as it is:
#'   `"growing"` (iShohei220/adopt, clip_lambda = step**0.25, since November 2024), or `"off"` (Taniguchi et al. 2024,
#'   arXiv:2411.02853v1; clip_lambda = None).
#' @param decay Weight decay enters the gradient, or shrinks the parameter at each step, or with the first gradient
#'   already: `"coupled"` (iShohei220/adopt), or `"decoupled"` (iShohei220/adopt, decouple = True), or
#'   `"decoupled_from_start"` (pytorch_optimizer 4.1.0, optimizer/adopt.py; iShohei220/adopt before November 2024).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `m`: first moment: moving average of the normalised gradient.
#' * `v`: second moment: moving average of the squared gradient; the first one makes its start and no step.
#' @section Sources:
#' * Taniguchi et al. 2024, arXiv:2411.02853, the ADOPT algorithm
#' * iShohei220/adopt, src/adopt/adopt.py (clipping, since November 2024, and weight decay)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_adopt(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_adopt <- function(params, lr = 0.001, beta1 = 0.9, beta2 = 0.9999, eps = 1e-6, weight_decay = 0,
                        maximize = FALSE, clipping = "growing", decay = "coupled") {
  new_optimizer("optim_adopt", environment())
}
attr(optim_adopt, "binding") <- optimizer_bindings$optim_adopt

#' Averaged stochastic gradient descent for R torch
#'
#' The specification's equation of Averaged stochastic gradient descent on R torch's tensors: see
#' [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate at the first step; in `[0, inf)`.
#' @param lambda Decay of the parameter, by its own penalty, and of the step size; in `[0, inf)`.
#' @param alpha Power with which the step size falls; in `[0, inf)`.
#' @param t0 Step after which averaging begins; in `[0, inf)`.
#' @param weight_decay L2 penalty, added to the gradient; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `ax`: the average of the parameters since t0; before, the parameter.
#' * `eta`: step size of the next step.
#' * `mu`: weight of the next parameter in the average.
#' @section Sources:
#' * Polyak & Juditsky 1992, Acceleration of stochastic approximation by averaging
#' * Xu 2011, arXiv:1107.2490 (the falling step size)
#' * Bottou 2012, Stochastic Gradient Descent Tricks (averaging from t0 on)
#' * Lua torch optim.asgd, PyTorch: step size and weight of the average lag by one step
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_asgd(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_asgd <- function(params, lr = 0.01, lambda = 0.0001, alpha = 0.75, t0 = 1e6, weight_decay = 0, maximize = FALSE) {
  new_optimizer("optim_asgd", environment())
}
attr(optim_asgd, "binding") <- optimizer_bindings$optim_asgd

#' LAMB for R torch
#'
#' The specification's equation of LAMB on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param beta1 Decay of the first moment; in `[0, 1)`.
#' @param beta2 Decay of the second moment; in `[0, 1)`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param weight_decay Rate of weight decay, inside the trust ratio; in `[0, inf)`.
#' @param norm_max A larger norm of the parameter counts as this; 0 for no limit; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param bias_correction Whether the moments are corrected for their start at zero: `"on"` (You et al. 2020, v5,
#'   Algorithm 2), or `"off"` (You et al. 2019, v3; pytorch-optimizer Lamb).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `m`: first moment: moving average of the gradient.
#' * `v`: second moment: moving average of the squared gradient.
#' @section Sources:
#' * You et al. 2020, arXiv:1904.00962v5, Algorithm 2; phi(z) = z or min(z, gamma_u) as in section 3, there with a lower
#'   bound as well
#' * You et al. 2019, arXiv:1904.00962v3 (no bias correction)
#' * pytorch-optimizer Lamb, optax lamb: the trust ratio is 1 where a norm is zero, of which the paper says nothing
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_lamb(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_lamb <- function(params, lr = 0.001, beta1 = 0.9, beta2 = 0.999, eps = 1e-6, weight_decay = 0, norm_max = 0,
                       maximize = FALSE, bias_correction = "on") {
  new_optimizer("optim_lamb", environment())
}
attr(optim_lamb, "binding") <- optimizer_bindings$optim_lamb

#' LARS for R torch
#'
#' The specification's equation of LARS on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param momentum Momentum coefficient; in `[0, 1)`.
#' @param weight_decay L2 penalty, added to the gradient, and its norm to the gradient's; in `[0, inf)`.
#' @param trust_coefficient How far to trust a tensor to change in a step; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param momentum_form Whether the learning rate enters the velocity or multiplies it; they part when the learning rate
#'   changes: `"lr_inside"` (You et al. 2017, Algorithm 1), or `"gradient_sum"` (pytorch-optimizer LARS, timm Lars).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `velocity`: the accumulated step.
#' @section Sources:
#' * You, Gitman & Ginsburg 2017, arXiv:1708.03888, Algorithm 1
#' * pytorch-optimizer LARS: the trust ratio is 1 where a norm is zero, of which the paper says nothing
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_lars(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_lars <- function(params, lr = 0.01, momentum = 0.9, weight_decay = 0, trust_coefficient = 0.001,
                       maximize = FALSE, momentum_form = "lr_inside") {
  new_optimizer("optim_lars", environment())
}
attr(optim_lars, "binding") <- optimizer_bindings$optim_lars

#' L-BFGS for R torch
#'
#' The specification's equation of L-BFGS on R torch's tensors: see [crossoptim_optimizers].
#' It chooses itself where to evaluate: `$step()` needs a closure that zeroes the gradients, computes the loss, calls
#' `$backward()` and returns the loss; it is called as often as the optimizer wants, with the parameters set to where it
#' wants them. `$step()` returns the first of these losses. All parameters form one vector: one group, of one dtype and
#' device. A step that fails leaves the parameters where they were.
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Length of a step, or the first trial of a line search; in the very first iteration at most 1 / |g|_1 of it;
#'   in `[0, inf)`.
#' @param max_iter Iterations in a step, at most; in `[1, inf)`.
#' @param max_eval Evaluations in a step after which no new iteration begins and a line search ends; None for 5/4 of
#'   max_iter, rounded down; in `[1, inf)`, or `NA`.
#' @param tolerance_grad A step ends where no element of the gradient is larger; in `[0, inf)`.
#' @param tolerance_change A step ends where parameters, loss or slope would change by less; in `[0, inf)`.
#' @param history_size How many pairs of gradient difference and step are kept; in `[1, inf)`.
#' @param line_search_fn The length of a step is lr, or is searched for: `NULL` (PyTorch LBFGS), or `"strong_wolfe"`
#'   (Nocedal & Wright 2006, Algorithms 3.5 and 3.6).
#' @section Sources:
#' * Nocedal & Wright 2006, Numerical Optimization, Algorithms 7.4 and 7.5 (two loops, scaling 7.20)
#' * Nocedal & Wright 2006, Algorithms 3.5 and 3.6 (strong Wolfe line search), equation 3.59 (cubic interpolation)
#' * Schmidt 2005, minFunc, by way of Lua torch's optim (lbfgs.lua, lswolfe.lua, polyinterp.lua): first length,
#'   safeguards, constants
#' * PyTorch LBFGS: stopping rules, their order, and one budget of evaluations for the whole step; from it also:
#'   bracketing compares with the previous loss from the third trial on (Algorithm 3.5: from the second), and a line
#'   search that runs out of evaluations while bracketing takes the better of its origin and its last trial. Not from
#'   it: a loss that is not finite is too high, and the bracket is halved, as in minFunc
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_lbfgs(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_lbfgs <- function(params, lr = 1, max_iter = 20, max_eval = NULL, tolerance_grad = 1e-7,
                        tolerance_change = 1e-9, history_size = 100, line_search_fn = NULL) {
  new_optimizer("optim_lbfgs", environment())
}
attr(optim_lbfgs, "binding") <- optimizer_bindings$optim_lbfgs

#' Lion for R torch
#'
#' The specification's equation of Lion on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate: how far each element moves; in `[0, inf)`.
#' @param beta1 Weight of the momentum in the direction; in `[0, 1)`.
#' @param beta2 Decay of the momentum; in `[0, 1)`.
#' @param weight_decay Rate of decoupled decay; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `m`: momentum: moving average of the gradient.
#' @section Sources:
#' * Chen et al. 2023, arXiv:2302.06675, Algorithm 2; google/automl, lion/lion_pytorch.py
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_lion(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_lion <- function(params, lr = 0.0001, beta1 = 0.9, beta2 = 0.99, weight_decay = 0, maximize = FALSE) {
  new_optimizer("optim_lion", environment())
}
attr(optim_lion, "binding") <- optimizer_bindings$optim_lion

#' MADGRAD for R torch
#'
#' The specification's equation of MADGRAD on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param momentum How much of the parameter is kept; in `[0, 1)`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param weight_decay L2 penalty, or the rate of decoupled decay; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param lr_offset The learning rate is taken as it is, or with eps added: `"none"` (Defazio & Jelassi 2021, Algorithm
#'   1), or `"eps"` (facebookresearch/madgrad).
#' @param decay Weight decay enters the gradient, or shrinks the parameter directly: `"coupled"`
#'   (facebookresearch/madgrad), or `"decoupled"` (facebookresearch/madgrad, decouple_decay = True).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `s`: weighted sum of the gradients.
#' * `v`: weighted sum of the squared gradients.
#' * `x0`: where the parameter started.
#' @section Sources:
#' * Defazio & Jelassi 2021, arXiv:2101.11075, Algorithm 1
#' * facebookresearch/madgrad, madgrad/madgrad.py (weight decay; without momentum the start is found anew at each step)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_madgrad(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_madgrad <- function(params, lr = 0.01, momentum = 0.9, eps = 1e-6, weight_decay = 0, maximize = FALSE,
                          lr_offset = "none", decay = "coupled") {
  new_optimizer("optim_madgrad", environment())
}
attr(optim_madgrad, "binding") <- optimizer_bindings$optim_madgrad

#' Muon for R torch
#'
#' The specification's equation of Muon on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param weight_decay Rate of decoupled weight decay; in `[0, inf)`.
#' @param momentum Momentum coefficient; in `[0, 1)`.
#' @param nesterov Orthogonalise what momentum will make of the buffer: `TRUE` or `FALSE`.
#' @param ns_coefficients Coefficient of X in an iteration; in `(-inf, inf)`; coefficient of (X X') X in an iteration;
#'   in `(-inf, inf)`; coefficient of (X X')^2 X in an iteration; in `(-inf, inf)`.
#' @param eps The norm of a smaller matrix counts as this; in `[0, inf)`.
#' @param ns_steps How many iterations; in `[0, 100)`.
#' @param adjust_lr_fn The learning rate is multiplied by sqrt(max(1, rows / columns)), or by 0.2 sqrt(max(rows,
#'   columns)): `NULL` (KellerJordan/Muon muon.py), or `"match_rms_adamw"` (Liu et al. 2025, equation 4).
#' @param momentum_form The buffer is a moving average of the gradients, or their decaying sum; orthogonalised, both are
#'   one but for eps: `"average"` (PyTorch Muon; KellerJordan/Muon muon.py), or `"sum"` (Jordan et al. 2024, algorithm;
#'   PyTorch's documentation).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `momentum_buffer`: moving average, or sum, of the gradients.
#' @section Sources:
#' * Jordan et al. 2024, Muon: An optimizer for hidden layers in neural networks, kellerjordan.github.io/posts/muon
#' * Liu et al. 2025, arXiv:2502.16982, section 2.2 (decoupled weight decay; steps as long as AdamW's)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(diag(2), requires_grad = TRUE)
#' optimizer <- optim_muon(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_muon <- function(params, lr = 0.001, weight_decay = 0.1, momentum = 0.95, nesterov = TRUE,
                       ns_coefficients = c(3.4445, -4.775, 2.0315), eps = 1e-7, ns_steps = 5, adjust_lr_fn = NULL,
                       momentum_form = "average") {
  new_optimizer("optim_muon", environment())
}
attr(optim_muon, "binding") <- optimizer_bindings$optim_muon

#' NAdam for R torch
#'
#' The specification's equation of NAdam on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param betas Decay of the first moment, and the momentum that the schedule tends to; in `[0, 1)`; decay of the second
#'   moment; in `[0, 1)`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param weight_decay L2 penalty, or the rate of decoupled decay; in `[0, inf)`.
#' @param momentum_decay How fast the momentum grows from a half of beta1 to beta1; in `[0, inf)`.
#' @param decoupled_weight_decay Weight decay enters the gradient, or shrinks the parameter directly: `FALSE` (PyTorch
#'   NAdam), or `TRUE` (PyTorch NAdam with decoupled_weight_decay (NAdamW)).
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param momentum_schedule The momentum grows from a half of beta1 to beta1, or is beta1: `"growing"` (Dozat 2016;
#'   PyTorch, Keras), or `"constant"` (Dozat 2016, with one momentum throughout; optax.nadam).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `exp_avg`: first moment: moving average of the gradient.
#' * `exp_avg_sq`: second moment: moving average of the squared gradient.
#' * `mu_product`: the product of all momentum coefficients so far.
#' @section Sources:
#' * Dozat 2016, Incorporating Nesterov Momentum into Adam, ICLR workshop (Nadam)
#' * Sutskever, Martens, Dahl & Hinton 2013 (a schedule for the momentum)
#' * Loshchilov & Hutter 2019, arXiv:1711.05101 (decoupled weight decay)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_nadam(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_nadam <- function(params, lr = 0.002, betas = c(0.9, 0.999), eps = 1e-8, weight_decay = 0,
                        momentum_decay = 0.004, decoupled_weight_decay = FALSE, maximize = FALSE,
                        momentum_schedule = "growing") {
  new_optimizer("optim_nadam", environment())
}
attr(optim_nadam, "binding") <- optimizer_bindings$optim_nadam

#' QHAdam for R torch
#'
#' The specification's equation of QHAdam on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param beta1 Decay of the first moment; in `[0, 1)`.
#' @param beta2 Decay of the second moment; in `[0, 1)`.
#' @param nu1 Weight of the first moment; the gradient has the rest; in `[0, 1]`.
#' @param nu2 Weight of the second moment; the squared gradient has the rest; in `[0, 1]`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param weight_decay L2 penalty, or the rate of decoupled decay; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param decay Weight decay enters the gradient, or shrinks the parameter directly: `"coupled"` (qhoptim QHAdam), or
#'   `"decoupled"` (qhoptim QHAdam with decouple_weight_decay (QHAdamW)).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `m`: first moment: moving average of the gradient.
#' * `v`: second moment: moving average of the squared gradient.
#' @section Sources:
#' * Ma & Yarats 2019, arXiv:1810.06801, the QHAdam update rule; facebookresearch/qhoptim, qhoptim/pyt/qhadam.py
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_qhadam(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_qhadam <- function(params, lr = 0.001, beta1 = 0.9, beta2 = 0.999, nu1 = 1, nu2 = 1, eps = 1e-8,
                         weight_decay = 0, maximize = FALSE, decay = "coupled") {
  new_optimizer("optim_qhadam", environment())
}
attr(optim_qhadam, "binding") <- optimizer_bindings$optim_qhadam

#' RAdam for R torch
#'
#' The specification's equation of RAdam on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param betas Decay of the first moment; in `[0, 1)`; decay of the second moment; in `[0, 1)`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param weight_decay L2 penalty, or the rate of decoupled decay; in `[0, inf)`.
#' @param decoupled_weight_decay Weight decay enters the gradient, or shrinks the parameter directly: `FALSE` (PyTorch
#'   RAdam), or `TRUE` (the authors' code; PyTorch RAdam with decoupled_weight_decay).
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param rectify_above The length of the moving average above which the step is adaptive: `"five"` (the authors' code;
#'   PyTorch), or `"four"` (Liu et al. 2020, Algorithm 2).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `exp_avg`: first moment: moving average of the gradient.
#' * `exp_avg_sq`: second moment: moving average of the squared gradient.
#' @section Sources:
#' * Liu, Jiang, He, Chen, Liu, Gao & Han 2020, arXiv:1908.03265, Algorithm 2 (which has no eps: eps = 0)
#' * Loshchilov & Hutter 2019, arXiv:1711.05101 (decoupled weight decay)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_radam(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_radam <- function(params, lr = 0.001, betas = c(0.9, 0.999), eps = 1e-8, weight_decay = 0,
                        decoupled_weight_decay = FALSE, maximize = FALSE, rectify_above = "five") {
  new_optimizer("optim_radam", environment())
}
attr(optim_radam, "binding") <- optimizer_bindings$optim_radam

#' RMSprop for R torch
#'
#' The specification's equation of RMSprop on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param alpha Decay of the mean square; in `[0, 1)`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param weight_decay L2 penalty, added to the gradient; in `[0, inf)`.
#' @param momentum Momentum coefficient; in `[0, inf)`.
#' @param centered Divide by the standard deviation instead of the root mean square: `TRUE` or `FALSE`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param eps_placement Eps is added to the root of the mean square, or under it: `"outside"` (Keydana 2023, eq. 8.6;
#'   PyTorch), or `"inside"` (Graves 2013, eq. 40; TensorFlow; hand-written forms in tutorials: sqrt(v + eps)).
#' @param momentum_form Whether the learning rate multiplies the velocity or enters it; they part when the learning rate
#'   changes: `"gradient_sum"` (PyTorch), or `"lr_inside"` (Graves 2013, eqs. 40-41; TensorFlow).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `square_avg`: moving average of the squared gradient.
#' * `momentum_buffer`: the accumulated steps.
#' * `grad_avg`: moving average of the gradient.
#' @section Sources:
#' * Hinton, Srivastava & Swersky 2012, Neural Networks for Machine Learning, lecture 6
#' * Graves 2013, arXiv:1308.0850, eqs. 38-41 (centered, momentum)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_rmsprop(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_rmsprop <- function(params, lr = 0.01, alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0,
                          centered = FALSE, maximize = FALSE, eps_placement = "outside",
                          momentum_form = "gradient_sum") {
  new_optimizer("optim_rmsprop", environment())
}
attr(optim_rmsprop, "binding") <- optimizer_bindings$optim_rmsprop

#' Rprop for R torch
#'
#' The specification's equation of Rprop on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr The first step size; later changes are not felt; in `[0, inf)`.
#' @param etas What the step shrinks by when the sign changes; in `(0, 1)`; what the step grows by while the sign stays;
#'   in `(1, inf)`.
#' @param step_sizes The smallest step size; in `[0, inf)`; the largest step size; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param sign_change An element whose gradient changed its sign stands still, makes the smaller step at once, or takes
#'   the last step back: `"skip"` (Igel & Huesken 2000, iRprop-; PyTorch, R torch), or `"step"` (Riedmiller 1994,
#'   Rprop-, in the naming of Igel & Huesken 2000), or `"backtrack"` (Riedmiller & Braun 1993, Rprop+).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `prev`: the last gradient; zero where its sign had changed.
#' * `step_size`: each element's step size.
#' * `move`: what was subtracted last.
#' @section Sources:
#' * Riedmiller & Braun 1993, A direct adaptive method for faster backpropagation learning: the RPROP algorithm
#' * Igel & Huesken 2000, Improving the Rprop learning algorithm (the variants and their names)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_rprop(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_rprop <- function(params, lr = 0.01, etas = c(0.5, 1.2), step_sizes = c(1e-6, 50), maximize = FALSE,
                        sign_change = "skip") {
  new_optimizer("optim_rprop", environment())
}
attr(optim_rprop, "binding") <- optimizer_bindings$optim_rprop

#' Schedule-Free AdamW for R torch
#'
#' The specification's equation of Schedule-Free AdamW on R torch's tensors: see [crossoptim_optimizers].
#' Where the gradient is not taken at the parameter, give `$step()` a closure, or run forward and backward inside
#' `$at_gradient_point()`: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param beta1 How near to the average the gradient is taken; in `[0, 1]`.
#' @param beta2 Decay of the second moment; in `[0, 1)`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param weight_decay Rate of decoupled decay; in `[0, inf)`.
#' @param warmup_steps Over how many steps the learning rate grows to its value; in `[0, inf)`.
#' @param r Power of the step count in the weights of the average; in `[0, inf)`.
#' @param weight_lr_power Power of the learning rate in the weights of the average; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param bias_correction The second moment's correction is in the denominator, or in the learning rate and so in the
#'   weights of the average: `"denominator"` (facebookresearch/schedule_free, AdamWScheduleFree), or `"learning_rate"`
#'   (Defazio et al. 2024, Algorithm 1; AdamWScheduleFreePaper).
#' @param weight_rate The weights of the average are made from the largest learning rate so far, or from the current
#'   one: `"largest"` (facebookresearch/schedule_free), or `"current"` (Defazio et al. 2024, Algorithm 1).
#' @param decay_at Weight decay shrinks by the point where the gradient is taken, or by the base iterate:
#'   `"gradient_point"` (Defazio et al. 2024, Algorithm 1; AdamWScheduleFree), or `"base_iterate"`
#'   (AdamWScheduleFreeReference, decay_at_z = True).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `z`: base iterate: what takes Adam's steps.
#' * `y`: between the base iterate and the average: where the gradient is taken.
#' * `v`: second moment: moving average of the squared gradient.
#' * `lr_max`: the largest learning rate so far.
#' * `weight_sum`: the sum of the weights of the average.
#' @section Sources:
#' * Defazio et al. 2024, arXiv:2405.15682, Algorithm 1
#' * facebookresearch/schedule_free 1.4.1, adamw_schedulefree_reference.py (weights of the average, where decay is
#'   taken)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_schedule_free_adamw(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_schedule_free_adamw <- function(params, lr = 0.0025, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0,
                                      warmup_steps = 0, r = 0, weight_lr_power = 2, maximize = FALSE,
                                      bias_correction = "denominator", weight_rate = "largest",
                                      decay_at = "gradient_point") {
  new_optimizer("optim_schedule_free_adamw", environment())
}
attr(optim_schedule_free_adamw, "binding") <- optimizer_bindings$optim_schedule_free_adamw

#' Schedule-Free SGD for R torch
#'
#' The specification's equation of Schedule-Free SGD on R torch's tensors: see [crossoptim_optimizers].
#' Where the gradient is not taken at the parameter, give `$step()` a closure, or run forward and backward inside
#' `$at_gradient_point()`: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param momentum How near to the average the gradient is taken; in `[0, 1]`.
#' @param weight_decay L2 penalty, differentiated where the gradient is taken; in `[0, inf)`.
#' @param warmup_steps Over how many steps the learning rate grows to its value; in `[0, inf)`.
#' @param r Power of the step count in the weights of the average; in `[0, inf)`.
#' @param weight_lr_power Power of the learning rate in the weights of the average; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param weight_rate The weights of the average are made from the largest learning rate so far, or from the current
#'   one: `"largest"` (facebookresearch/schedule_free), or `"current"` (Defazio et al. 2024, Algorithm 1).
#' @param average_start The average begins with the first step's iterate, or counts the start point with a weight of
#'   one: `"first_step"` (facebookresearch/schedule_free; Defazio et al. 2024, Algorithm 1), or `"start_point"` (Defazio
#'   et al. 2024, section 1: c = 1 / (t + 1)).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `z`: base iterate: what takes the gradient steps.
#' * `y`: between the base iterate and the average: where the gradient is taken.
#' * `lr_max`: the largest learning rate so far.
#' * `weight_sum`: the sum of the weights of the average.
#' @section Sources:
#' * Defazio et al. 2024, arXiv:2405.15682, section 1 (the iterates y, z and x)
#' * facebookresearch/schedule_free 1.4.1, sgd_schedulefree_reference.py (warm-up, weights of the average, weight decay)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_schedule_free_sgd(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_schedule_free_sgd <- function(params, lr = 1, momentum = 0.9, weight_decay = 0, warmup_steps = 0, r = 0,
                                    weight_lr_power = 2, maximize = FALSE, weight_rate = "largest",
                                    average_start = "first_step") {
  new_optimizer("optim_schedule_free_sgd", environment())
}
attr(optim_schedule_free_sgd, "binding") <- optimizer_bindings$optim_schedule_free_sgd

#' Stochastic gradient descent for R torch
#'
#' The specification's equation of Stochastic gradient descent on R torch's tensors: see [crossoptim_optimizers].
#' Where the gradient is not taken at the parameter, give `$step()` a closure, or run forward and backward inside
#' `$at_gradient_point()`: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param momentum Momentum coefficient; in `[0, inf)`.
#' @param dampening The share of the gradient that is kept out of the velocity; in `(-inf, inf)`.
#' @param weight_decay L2 penalty, added to the gradient; in `[0, inf)`.
#' @param nesterov Nesterov's accelerated gradient: `TRUE` or `FALSE`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param momentum_form Whether the learning rate multiplies the velocity or enters it; they part when the learning rate
#'   changes: `"gradient_sum"` (PyTorch, R torch), or `"lr_inside"` (Sutskever et al. 2013, eqs. 1-2; R torch book, eqs.
#'   8.1-8.2).
#' @param nesterov_form The gradient is taken at the parameter and the step is corrected, or at the point where momentum
#'   would carry it: `"at_parameter"` (PyTorch), or `"lookahead"` (Sutskever et al. 2013, eqs. 3-4).
#' @param first_step Whether dampening already applies to the first gradient: `"undampened"` (PyTorch (velocity starts
#'   as the first gradient)), or `"dampened"` (the recurrence from zero).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `momentum_buffer`: the accumulated gradient.
#' * `lookahead`: the point where momentum alone would carry the parameter.
#' @section Sources:
#' * Robbins & Monro 1951
#' * Polyak 1964 (momentum)
#' * Sutskever, Martens, Dahl & Hinton 2013, eqs. 1-4 (momentum and Nesterov's accelerated gradient)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_sgd(list(w), lr = 0.1)
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_sgd <- function(params, lr, momentum = 0, dampening = 0, weight_decay = 0, nesterov = FALSE, maximize = FALSE,
                      momentum_form = "gradient_sum", nesterov_form = "at_parameter", first_step = "undampened") {
  new_optimizer("optim_sgd", environment())
}
attr(optim_sgd, "binding") <- optimizer_bindings$optim_sgd

#' SparseAdam for R torch
#'
#' The specification's equation of SparseAdam on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param betas Decay of the first moment; in `[0, 1)`; decay of the second moment; in `[0, 1)`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `exp_avg`: first moment: moving average of the gradient.
#' * `exp_avg_sq`: second moment: moving average of the squared gradient.
#' @section Sources:
#' * Kingma & Ba 2015, arXiv:1412.6980, end of section 2 (Adam with epsilon hat)
#' * PyTorch SparseAdam, pull request 3137 (what has no entry stands still)
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_sparse_adam(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_sparse_adam <- function(params, lr = 0.001, betas = c(0.9, 0.999), eps = 1e-8, maximize = FALSE) {
  new_optimizer("optim_sparse_adam", environment())
}
attr(optim_sparse_adam, "binding") <- optimizer_bindings$optim_sparse_adam

#' Yogi for R torch
#'
#' The specification's equation of Yogi on R torch's tensors: see [crossoptim_optimizers].
#'
#' @param params A list of tensors, such as `model$parameters`; or of parameter groups: lists with `params` and, by
#'   name, the options in which a group differs.
#' @param lr Learning rate; in `[0, inf)`.
#' @param beta1 Decay of the first moment; in `[0, 1)`.
#' @param beta2 One less the rate of the second moment; in `[0, 1)`.
#' @param eps Keeps the denominator from zero; in `[0, inf)`.
#' @param initial_accumulator The second moment before the first step; in `[0, inf)`.
#' @param weight_decay Rate of decoupled decay, or L2 penalty; in `[0, inf)`.
#' @param maximize Ascend instead of descend: `TRUE` or `FALSE`.
#' @param bias_correction Whether the moments are corrected as if they had started at zero: `"off"` (Zaheer et al. 2018,
#'   Algorithm 2), or `"on"` (TensorFlow Addons, optax, pytorch_optimizer).
#' @param first_moment_start The first moment starts at zero, or at the initial value of the second: `"zero"` (Zaheer et
#'   al. 2018, Algorithm 2; TensorFlow Addons), or `"accumulator"` (optax, pytorch_optimizer).
#' @param decay Weight decay shrinks the parameter directly, or enters the gradient: `"decoupled"` (pytorch_optimizer),
#'   or `"coupled"` (torch_optimizer; pytorch_optimizer with weight_decouple = False).
#' @section State:
#' Beside `step`, the number of a parameter's updates:
#' * `m`: first moment: moving average of the gradient.
#' * `v`: second moment.
#' @section Sources:
#' * Zaheer, Reddi, Sachan, Kale & Kumar 2018, Adaptive Methods for Nonconvex Optimization, NeurIPS, Algorithm 2
#' @return A `torch_optimizer`.
#' @examplesIf requireNamespace("torch", quietly = TRUE) && torch::torch_is_installed()
#' w <- torch::torch_tensor(c(1, -2), requires_grad = TRUE)
#' optimizer <- optim_yogi(list(w))
#' optimizer$step(function() {
#'   optimizer$zero_grad()
#'   loss <- (w - 3)$square()$sum()
#'   loss$backward()
#'   loss
#' })
#' w
#' @export
optim_yogi <- function(params, lr = 0.01, beta1 = 0.9, beta2 = 0.999, eps = 0.001, initial_accumulator = 1e-6,
                       weight_decay = 0, maximize = FALSE, bias_correction = "off", first_moment_start = "zero",
                       decay = "decoupled") {
  new_optimizer("optim_yogi", environment())
}
attr(optim_yogi, "binding") <- optimizer_bindings$optim_yogi
