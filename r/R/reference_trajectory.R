# Whole trajectories in base R.

#' The golden trajectory of a case, evaluated in base R
#'
#' Evaluates the specification's equations step by step, with neither torch nor Python: the expression text, the case's
#' options and events, the golden gradients and the stored per-step scalars go in. The parameters and the state that
#' come out are the golden ones bit for bit, in `float64` and in `float32`.
#'
#' @param case A case or its id, see [golden_cases()]. For an optimizer that chooses itself where to evaluate, such as
#'   L-BFGS, there is no equation to replay: that is a condition of class `crossoptim_unsupported`.
#' @return A trajectory, see [golden_trajectory()]. The loss is not evaluated.
#' @examples
#' ours <- reference_trajectory("adam/amsgrad-ravine-f64")
#' identical(ours$params, golden_trajectory("adam/amsgrad-ravine-f64")$params)
#' @export
reference_trajectory <- function(case) {
  case <- read_case(case)
  if (chooses_points(case)) {
    unsupported(sprintf("%s: %s chooses where to evaluate; base R has no equation of it to replay", case$id, case$rule))
  }
  variables <- unique(unlist(lapply(case$golden$state, names)))
  tape <- replay(list(
    mode = "replay", dtype = case$dtype, steps = case$steps, params = start_params(case),
    optimizer = list(state = stats::setNames(nm = variables)), events = case$events, gradients = injected(case),
    settings = lapply(case$settings, function(spell) {
      spell$equation <- specification()$equations[[spell$equation]]
      spell
    }),
    scalars = case$scalars
  ))
  found <- tape$trajectory(identity)
  new_trajectory(
    case = case$id, by = "base R", dtype = case$dtype, steps = case$steps,
    shapes = lapply(case$initial, function(table) table$shape),
    params = found$params, state = found$state, gradients = found$gradients, gradients_after = found$gradients_after,
    loss = found$loss
  )
}
