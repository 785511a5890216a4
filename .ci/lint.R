# Run in the project's folder: no name is defined twice in the R package, lintr finds nothing in it, and roxygen2 makes of its
# sources the pages and the NAMESPACE that are committed. Another version of either has other rules, and is not asked.

failed <- FALSE
fail <- function(...) {
  message(...)
  failed <<- TRUE
}

asked <- function(package, version) {
  have <- if (nzchar(system.file(package = package))) format(packageVersion(package)) else "missing"
  if (!startsWith(have, version)) {
    message(sprintf("%s %s: not asked (version %s is)", package, have, version))
    if (have == "missing" && identical(Sys.getenv("CI"), "true")) failed <<- TRUE
  }
  startsWith(have, version)
}

# R takes the later of two definitions, and says nothing.
defined <- unlist(lapply(list.files("r/R", full.names = TRUE), function(file) {
  is_definition <- function(x) is.call(x) && identical(x[[1]], as.name("<-")) && is.name(x[[2]])
  vapply(Filter(is_definition, as.list(parse(file, keep.source = FALSE))), function(x) as.character(x[[2]]), "")
}))
for (name in unique(defined[duplicated(defined)])) {
  fail(name, " is defined twice in r/R")
}

if (asked("lintr", "3.0")) {
  lints <- lintr::lint_package("r")
  if (length(lints) > 0) {
    print(lints)
    fail("lintr: ", length(lints), " lints in r/")
  }
}

if (asked("roxygen2", read.dcf("r/DESCRIPTION", "RoxygenNote")[[1]])) {
  made <- file.path(tempdir(), "r")
  file.copy("r", tempdir(), recursive = TRUE)
  unlink(file.path(made, "man"), recursive = TRUE)
  invisible(capture.output(suppressMessages(roxygen2::roxygenise(made, load_code = "source"))))
  files <- function(folder) c("NAMESPACE", file.path("man", list.files(file.path(folder, "man"))))
  text <- function(folder, file) {
    path <- file.path(folder, file)
    if (file.exists(path)) readLines(path)
  }
  for (file in union(files("r"), files(made))) {
    if (!identical(text("r", file), text(made, file))) {
      fail("r/", file, " is stale (in R: roxygen2::roxygenise(\"r\", load_code = \"source\"))")
    }
  }
}

quit(status = if (failed) 1 else 0)
