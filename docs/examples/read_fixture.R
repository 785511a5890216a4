# Replays a golden trajectory of SGD with momentum bit for bit:
#   Rscript docs/examples/read_fixture.R fixtures/v1/golden/sgd/momentum-ravine-f64.json
case <- jsonlite::fromJSON(commandArgs(trailingOnly = TRUE)[1], simplifyVector = FALSE)
if (!identical(names(case$equations), "sgd[momentum]") || case$dtype != "float64") {
  stop(case$id, ": ", toString(names(case$equations)), " in ", case$dtype, " (expected sgd[momentum] in float64)")
}
numbers <- function(row) vapply(row, as.numeric, 0) # reads the strings "NaN", "Inf", "-Inf", too
same <- function(x, row) identical(x, numbers(row), num.eq = FALSE) # -0 is not 0
golden <- case$trajectory
for (name in names(case$initial)) {
  p <- numbers(case$initial[[name]]$data[[1]])
  velocity <- 0 * p
  for (i in seq_len(case$steps)) {
    g <- golden$grads[[name]]$data[[i]]
    if (!is.null(g)) { # NULL: no gradient, nothing moves
      h <- Filter(function(s) s$from_step <= i && name %in% s$params, case$settings)
      h <- h[[length(h)]]$values
      velocity <- h$momentum * velocity + numbers(g)
      p <- p - h$lr * velocity
      stopifnot(same(velocity, golden$state[[name]]$velocity$data[[i]]))
    }
    stopifnot(same(p, golden$params[[name]]$data[[i]]))
  }
}
cat(case$id, ": ", case$steps, " steps, bit for bit\n", sep = "")
