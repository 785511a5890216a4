# Every golden trajectory of the fixtures, replayed by base R.

column <- function(table) lapply(table$data, read_row)

# A fixture's scalars, by parameter one object a step; a number is null where the equation in force does not have it.
scalars_of <- function(golden, name) {
  block <- Filter(function(block) name %in% unlist(block$params), golden$trajectory$scalars)
  if (length(block) == 0) {
    return(vector("list", golden$steps))
  }
  columns <- block[[1]][setdiff(names(block[[1]]), "params")]
  lapply(seq_len(golden$steps), function(step) wire_object(Filter(length, lapply(columns, `[[`, step))))
}

request_of <- function(golden, equations) {
  keys <- names(golden$initial)
  given <- golden$trajectory$fresh
  if (is.null(given)) given <- golden$trajectory$grads
  variables <- unique(unlist(lapply(golden$trajectory$state, names)))
  list(
    command = "run", protocol = 1L, implementation = "base-r", case = golden$id, mode = "replay",
    dtype = golden$dtype, steps = golden$steps,
    params = lapply(keys, function(name) {
      start <- golden$initial[[name]]
      list(name = name, shape = start$shape, data = start$data[[1]])
    }),
    optimizer = list(name = golden$rule, state = stats::setNames(as.list(variables), variables)),
    events = golden$events,
    gradients = lapply(given, function(table) table$data),
    settings = lapply(golden$settings, function(entry) {
      entry$equation <- equations[[entry$equation]]
      entry
    }),
    scalars = stats::setNames(lapply(keys, scalars_of, golden = golden), keys)
  )
}

has_no_update <- function(golden, equations) {
  any(vapply(names(golden$equations), function(id) length(equations[[id]]$update) == 0, NA))
}

test_that("base R reproduces every golden trajectory bit for bit", {
  folder <- fixtures()
  equations <- jsonlite::read_json(file.path(folder, "spec.json"))$equations
  files <- list.files(file.path(folder, "golden"), "[.]json$", recursive = TRUE, full.names = TRUE)
  expect_gt(length(files), 0)
  for (file in files) {
    golden <- jsonlite::read_json(file)
    # Schedules and refusals are no trajectories; L-BFGS chooses where to evaluate, which no equation's text says.
    if (!identical(golden$schema, "crossoptim/golden/1") || has_no_update(golden, equations)) next
    answer <- dispatch(request_of(golden, equations))
    for (name in names(golden$initial)) {
      got <- lapply(answer$trajectory$params[[name]], unclass)
      expect_identical(got, column(golden$trajectory$params[[name]]), label = paste(golden$id, name))
      for (variable in names(golden$trajectory$state[[name]])) {
        got <- lapply(answer$trajectory$state[[name]][[variable]], unclass)
        wanted <- column(golden$trajectory$state[[name]][[variable]])
        expect_identical(got, wanted, label = paste(golden$id, name, variable))
      }
    }
  }
})
