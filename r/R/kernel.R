# An equation's kernel: all tensors of a group through a step, in one call.

# The kernel of an equation for one dtype, compiled once; NULL where there is none.
find_kernel <- function(equation, dtype) {
  key <- paste(equation$id, dtype)
  if (is.null(kernels[[key]])) {
    kernels[[key]] <- if_kernels(compile_kernel(equation, dtype)) %||% FALSE
  }
  if (is.list(kernels[[key]])) kernels[[key]]
}

compile_kernel <- function(equation, dtype) {
  if (specification()$rules[[equation$rule]]$kind != "elementwise") {
    return(FALSE)
  }
  # The functions of a library have names of their own: others that are loaded may have a `step` too.
  library <- load_c(paste0("#define step crossoptim_step\n", kernel_source(equation, dtype), scalars_source(equation)))
  named <- c(given_numbers(equation), vapply(equation$scalars, function(pair) pair[[1]], ""))
  list(
    run = entry(library, "run"), scalars = entry(library, "scalars"),
    hyper = unlist(equation$hyper), kept = names(equation$kept), variables = unlist(equation$state),
    numbers = match(kernel_arguments(equation)$numbers, named),
    kept_new = match(paste0(names(equation$kept), "_new", recycle0 = TRUE), named)
  )
}

# The numbers of a step, in the kernel's order, and those that are kept from it.
step_numbers <- function(kernel, values, kept, t) {
  given <- c(as.double(unlist(values[kernel$hyper])), kept, t)
  all <- c(given, .Call(kernel$scalars, given))
  list(numbers = all[kernel$numbers], kept = all[kernel$kept_new])
}

# The same for parameters each with its own count of steps and kept numbers: a column each, or one for all.
all_numbers <- function(kernel, values, kept, steps) {
  ages <- rbind(kept, steps)
  if (isTRUE(all(ages == ages[, 1]))) {
    made <- step_numbers(kernel, values, kept[, 1], steps[1])
    return(list(numbers = made$numbers, kept = matrix(made$kept, nrow(kept), ncol(kept))))
  }
  key <- apply(ages, 2, function(column) paste(sprintf("%a", column), collapse = " "))
  first <- which(!duplicated(key))
  made <- lapply(first, function(i) step_numbers(kernel, values, kept[, i], steps[i]))
  of <- match(key, key[first])
  list(
    numbers = vapply(made[of], function(one) one$numbers, numeric(length(kernel$numbers))),
    kept = matrix(unlist(lapply(made[of], function(one) one$kept)), nrow(kept), ncol(kept))
  )
}

# R torch's tensors as C sees them: what `describe`, `touch` and `drop_gradients` of tensors.c answer.
torch_memory <- function() {
  if (is.null(kernels$memory)) {
    kernels$memory <- if_kernels(connect_torch()) %||% FALSE
  }
  if (is.list(kernels$memory)) kernels$memory
}

connect_torch <- function() {
  file <- system.file("kernels", "tensors.c", package = "crossoptim", mustWork = TRUE)
  library <- load_c(paste(readLines(file), collapse = "\n"))
  theirs <- list.files(
    file.path(torch::torch_install_path(), c("lib", "bin")), "^(lib)?lantern[.](so|dylib|dll)$",
    full.names = TRUE
  )
  if (length(theirs) == 0) {
    no_kernels("R torch has no lantern library")
  }
  lantern <- dyn.load(theirs[1])
  names <- .Call(entry(library, "wanted"))
  addresses <- tryCatch(lapply(names, entry, library = lantern), error = function(e) no_kernels(conditionMessage(e)))
  .Call(entry(library, "connect"), addresses)
  lapply(c(describe = "describe", touch = "touch", drop_gradients = "drop_gradients"), entry, library = library)
}
