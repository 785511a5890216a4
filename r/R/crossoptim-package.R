#' crossoptim: judge 'torch' optimizers against one specification
#'
#' An optimizer's equation is written once, in crossoptim's Python package. This package runs R
#' torch's optimizers on the golden cases ([handle()], [serve()]), evaluates the equations in base R
#' without torch ([reference_step()]), and drives crossoptim's Python optimizers from R
#' ([python_optimizer()]).
#'
#' @importFrom R6 R6Class
#' @keywords internal
"_PACKAGE"
