# A machine without R torch, or with R torch but without its libtorch: in an R of its own, because this one may have
# both.

# What each function that needs R torch says there: the classes of the condition, then its message.
answers <- function(library, ...) {
  skip_on_os("windows")
  code <- '
    library(crossoptim)
    said <- function(code) {
      tryCatch(
        {
          code
          "nothing"
        },
        condition = function(e) {
          paste(toString(setdiff(class(e), c("error", "condition"))), conditionMessage(e), sep = ": ")
        }
      )
    }
    some <- function(params, ...) NULL
    optimizers <- grep("^optim_", getNamespaceExports("crossoptim"), value = TRUE)
    all <- vapply(optimizers, function(name) said(getExportedValue("crossoptim", name)(list(1), lr = 0.1)), "")
    all <- c(
      all,
      run_case = said(run_case("sgd/decay-ravine-f64", some)),
      run_class = said(run_case("sgd/decay-ravine-f64", optim_sgd)),
      expect_trajectory = said(expect_trajectory("sgd/decay-ravine-f64", some)),
      describe = handle("{\\"command\\": \\"describe\\", \\"implementation\\": \\"r-torch\\"}")
    )
    cat(paste(names(all), all, sep = "\\t"), sep = "\\n")
  '
  here <- dirname(system.file(package = "crossoptim"))
  paths <- if (is.null(library)) c(here, .libPaths()) else library
  run <- processx::run(
    file.path(R.home("bin"), "Rscript"), c("--vanilla", "-e", code),
    env = c(
      "current",
      R_LIBS = paste(paths, collapse = .Platform$path.sep), R_LIBS_SITE = "/nonexistent", R_LIBS_USER = "/nonexistent",
      ...
    )
  )
  lines <- strsplit(strsplit(run$stdout, "\n")[[1]], "\t")
  stats::setNames(vapply(lines, `[`, "", 2), vapply(lines, `[`, "", 1))
}

# A library of links to this package and to all that it and testthat need.
library_without_torch <- function(env = parent.frame()) {
  in_base <- nzchar(system.file(package = "torch", lib.loc = .Library))
  skip_if(in_base, "torch is in R's own library, and cannot be hidden")
  folder <- withr::local_tempdir(.local_envir = env)
  named <- c("crossoptim", "testthat")
  installed <- utils::installed.packages()
  needed <- unique(c(named, unlist(tools::package_dependencies(named, installed, recursive = TRUE))))
  places <- Filter(nzchar, vapply(needed, function(package) system.file(package = package), ""))
  file.symlink(places, file.path(folder, basename(places)))
  folder
}

expect_said <- function(all, message) {
  expect_gt(sum(startsWith(names(all), "optim_")), 20)
  classes <- "crossoptim_torch_missing, crossoptim_unsupported, crossoptim_error"
  plain <- all[!names(all) %in% c("expect_trajectory", "describe")]
  expect_identical(unname(plain), rep(sprintf("%s: %s", classes, message), length(plain)))
  expect_match(all[["expect_trajectory"]], message, fixed = TRUE)
  expect_match(all[["expect_trajectory"]], "^skip")
  expect_identical(from_json(all[["describe"]]), list(outcome = "unsupported", reason = message))
}

test_that("without R torch, everything that needs it says so in the same way", {
  all <- answers(library_without_torch())
  expect_said(all, 'R torch is not installed (install.packages("torch"))')
})

test_that("so it does where R torch has no libtorch", {
  skip_if_not_installed("torch")
  all <- answers(NULL, TORCH_HOME = withr::local_tempdir(), TORCH_INSTALL = "0")
  expect_said(all, "R torch has no libtorch (torch::install_torch())")
})
