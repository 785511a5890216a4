# Compiles C to shared libraries with R's own tools, kept in a folder of the user's: what was compiled once is loaded
# from then on.

kernels <- new.env(parent = emptyenv())

# What not every compiler has, from the fastest to what all of them take. None of it lets a result differ by a bit.
compiler_flags <- function() {
  always <- "-O3 -ffp-contract=off -fno-math-errno -fno-trapping-math"
  list(
    c(always, "-march=native", "-fopenmp"), c(always, "-fopenmp"), c(always, "-march=native"), "-O2 -ffp-contract=off"
  )
}

# A C file as a loaded library. It is compiled the first time, and kept under a name that says from what text, by which
# compiler and for which processor it was made.
load_c <- function(source) {
  path <- file.path(kernel_folder(), paste0(kernel_key(source), .Platform$dynlib.ext))
  if (!file.exists(path)) {
    compile_c(source, path)
  }
  tryCatch(dyn.load(path), error = function(e) no_kernels(conditionMessage(e)))
}

# The address of a function of a library.
entry <- function(library, name) {
  getNativeSymbolInfo(name, library)$address
}

kernel_folder <- function() {
  chosen <- Sys.getenv("CROSSOPTIM_CACHE")
  if (nzchar(chosen)) chosen else file.path(tools::R_user_dir("crossoptim", "cache"), "kernels")
}

kernel_key <- function(source) {
  if (is.null(kernels$machine)) {
    kernels$machine <- c(unlist(lapply(kernel_headers(), readLines)), R.version.string, compiler(), processor())
  }
  file <- tempfile()
  on.exit(unlink(file))
  writeLines(c(source, kernels$machine, unlist(compiler_flags())), file)
  unname(tools::md5sum(file))
}

kernel_headers <- function() {
  list.files(system.file("kernels", package = "crossoptim"), "[.]h$", full.names = TRUE)
}

# R's C compiler, what it says of its version, and what the user has set for it.
compiler <- function() {
  makefile <- paste0(R.home("etc"), .Platform$r_arch, "/Makeconf")
  settings <- if (file.exists(makefile)) readLines(makefile)
  said <- sub("^CC *= *", "", grep("^CC *=", settings, value = TRUE))
  version <- tryCatch(
    system2(strsplit(c(said, "cc")[1], " ")[[1]][1], "--version", stdout = TRUE, stderr = TRUE),
    error = function(e) character(), warning = function(w) character()
  )
  c(said, version, unlist(lapply(tools::makevars_user(), readLines)))
}

# What the machine's processor is and can do, as far as the system tells.
processor <- function() {
  told <- if (file.exists("/proc/cpuinfo")) readLines("/proc/cpuinfo")
  c(Sys.info()[c("sysname", "machine")], sort(unique(grep("^(model name|flags|Features)", told, value = TRUE))))
}

compile_c <- function(source, path) {
  folder <- dirname(path)
  dir.create(folder, FALSE, TRUE)
  work <- tempfile("compile", if (file.access(folder, 2) == 0) folder else no_kernels(paste("cannot write to", folder)))
  dir.create(work)
  on.exit(unlink(work, recursive = TRUE))
  writeLines(source, file.path(work, "kernel.c"))
  file.copy(kernel_headers(), work)
  said <- ""
  for (flags in compiler_flags()) {
    said <- shared_library(work, flags)
    made <- file.path(work, paste0("kernel", .Platform$dynlib.ext))
    if (file.exists(made)) {
      file.rename(made, path)
      return(invisible())
    }
  }
  no_kernels(c(grep("error|not found", said, value = TRUE), said, "R CMD SHLIB fails")[1])
}

# `R CMD SHLIB` of kernel.c, with flags that follow those of R and of the user. What it said.
shared_library <- function(work, flags) {
  makevars <- file.path(work, "Makevars")
  own <- c(paste("CFLAGS =", paste(flags, collapse = " ")), if ("-fopenmp" %in% flags) "PKG_LIBS = -fopenmp")
  writeLines(c(unlist(lapply(tools::makevars_user(), readLines)), own), makevars)
  done <- processx::run(
    file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "kernel.c"),
    wd = work, error_on_status = FALSE, env = c("current", R_MAKEVARS_USER = makevars, R_TESTS = "")
  )
  c(strsplit(done$stderr, "\n")[[1]], strsplit(done$stdout, "\n")[[1]])
}

# There are none on this machine, which is told once; the optimizers then run on R torch's operations.
no_kernels <- function(reason) {
  abort(reason, "crossoptim_no_kernels")
}

# The value of `code`, or NULL where this machine has no kernels.
if_kernels <- function(code) {
  tryCatch(code, crossoptim_no_kernels = function(e) {
    if (!isTRUE(kernels$told)) {
      kernels$told <- TRUE
      warning(warningCondition(
        sprintf("crossoptim: optimizers run on torch's operations, which is slower: %s", conditionMessage(e)),
        class = "crossoptim_slow"
      ))
    }
    NULL
  })
}
