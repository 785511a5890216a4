#' crossoptim: is this R training the same as in Python?
#'
#' An optimizer's equation is written once, in crossoptim's specification. From it follow golden trajectories, correct
#' to the last bit at every step, against which any optimizer of R torch can be judged; the same equations in base R;
#' and optimizers for R torch. Needs neither R torch nor Python, but for what concerns them. `vignette("same-training",
#' "crossoptim")` is the tour.
#'
#' @section Judge an optimizer of R torch:
#' * [golden_cases()], [golden_optimizers()], [read_case()]: the golden cases, which the package carries.
#' * [expect_trajectory()]: an expectation for 'testthat'.
#' * [run_case()], [judge_trajectory()]: the same in two steps. [golden_trajectory()], [plot.optimizer_trajectory()],
#'   [ulps()]: look at what happened. [optimizer_binding()]: say how an optimizer of one's own is called.
#' * [known_quirks()]: the departures of R torch's optimizers that are known.
#'
#' @section Python from R:
#' * [python_optimizer()], [python_session()], [python_available()]: step a Python optimizer with gradients from R.
#' * [save_optimizer_state()], [load_optimizer_state()]: save in one language, go on in the other.
#'
#' @section Optimizers made from the specification:
#' * [crossoptim_optimizers]: what all `optim_*` of this package share: those that R torch lacks, and corrected ones.
#' * [reference_optimizer()], [reference_trajectory()], [reference_step()], [reference_scalars()]: in base R, without
#'   torch.
#' * [specification()]: the equations themselves.
#'
#' @section Options and the environment:
#' * `options(crossoptim.python = )`, or the environment variable `CROSSOPTIM_PYTHON`: which Python.
#' * `options(crossoptim.timeout = )`: seconds to wait for its answer; 60 if not set.
#' * the environment variable `CROSSOPTIM_CACHE`: the folder for compiled kernels, see [crossoptim_optimizers].
#'
#' @section More:
#' * [crossoptim_conditions]: the classes of errors.
#' * [handle()], [serve()]: R's side of the protocol through which Python drives R.
#'
#' @importFrom R6 R6Class
#' @keywords internal
"_PACKAGE"
