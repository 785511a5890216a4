tensors <- function() {
  list(
    "params/w.\u00e9 \"x\"" = list(dtype = "float64", shape = c(2L, 3L), data = c(pi, -0, Inf, NaN, 5e-324, 1e308)),
    scalar = list(dtype = "float32", shape = integer(), data = float32(0.1)),
    empty = list(dtype = "float64", shape = c(0L, 2L), data = numeric()),
    row = list(dtype = "float32", shape = 3L, data = c(-0, 2^-149, -Inf))
  )
}

tensor_bits <- function(x) {
  lapply(x, function(tensor) c(tensor[c("dtype", "shape")], list(data = writeBin(tensor$data, raw()))))
}

# A file of a header and some bytes.
file_of <- function(header, bytes = raw(), length = nchar(header, "bytes")) {
  file <- tempfile()
  writeBin(c(writeBin(c(as.integer(length), 0L), raw(), endian = "little"), charToRaw(header), bytes), file)
  file
}

entry <- function(from, to, shape = "2", dtype = "F32") {
  sprintf("{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%d,%d]}", dtype, shape, from, to)
}

test_that("what was written comes back bit for bit, with its metadata", {
  file <- withr::local_tempfile()
  write_safetensors(file, tensors(), list(one = "{\"a\": \"\\u00e9\"}", two = ""))
  found <- read_safetensors(file)
  expect_identical(tensor_bits(found$tensors), tensor_bits(tensors()))
  expect_identical(found$metadata, list(one = "{\"a\": \"\\u00e9\"}", two = ""))
  # The bytes of tensors begin where a double may lie.
  expect_identical(readBin(file, "integer", 1L, endian = "little") %% 8L, 0L)
})

test_that("a file without tensors is one", {
  file <- withr::local_tempfile()
  write_safetensors(file, list(), list(one = "text"))
  nothing <- structure(list(), names = character())
  expect_identical(read_safetensors(file), list(tensors = nothing, metadata = list(one = "text")))
})

test_that("a file is written whole or not at all", {
  folder <- withr::local_tempdir()
  file <- file.path(folder, "state")
  writeLines("mine", file)
  expect_error(write_whole(file, function(out) {
    writeBin(raw(8), out)
    stop("the disk is full")
  }), "state: the disk is full", class = "crossoptim_file_error")
  expect_identical(readLines(file), "mine")
  expect_identical(list.files(folder, all.files = TRUE, no.. = TRUE), "state")
  expect_error(write_safetensors(file.path(folder, "no", "state"), tensors()), class = "crossoptim_file_error")
})

test_that("a damaged file is one clear error", {
  refused <- function(file, message) {
    withr::defer(unlink(file))
    expect_error(read_safetensors(file), message, class = "crossoptim_file_error")
  }
  eight <- raw(8)
  one <- sprintf("{\"a\":%s}", entry(0, 8))
  expect_identical(read_safetensors(file_of(one, eight))$tensors$a$data, c(0, 0))

  refused(tempfile(), "no such file")
  refused(tempdir(), "no such file")
  refused(file_of("", length = 0), "not a safetensors file, or truncated")
  refused(file_of(one, eight, length = 1e6), "not a safetensors file, or truncated")
  refused(file_of("[1, 2]"), "the header is not a JSON object")
  refused(file_of("{\"a\":"), "the header is not a JSON object")
  refused(file_of("{\"__metadata__\":{\"a\":1}}"), "__metadata__ is not an object of texts")
  refused(file_of(sprintf("{\"a\":%s,\"a\":%s}", entry(0, 8), entry(8, 16)), raw(16)), "names 'a' twice")
  refused(file_of("{\"a\":{\"dtype\":\"F32\"}}"), "tensor 'a' has no dtype, shape and data_offsets")
  refused(file_of(sprintf("{\"a\":%s}", entry(0, 8, shape = "-2")), eight), "tensor 'a' has no dtype, shape")
  refused(file_of(sprintf("{\"a\":%s}", entry(0, 8, shape = "1.5")), eight), "tensor 'a' has no dtype, shape")
  refused(file_of(sprintf("{\"a\":%s}", entry(0, 8, dtype = "BF16")), eight), "'a' is BF16 \\(expected F32 or F64\\)")
  refused(file_of(sprintf("{\"a\":%s}", entry(0, 8, shape = "3")), eight), "tensor 'a' has 8 bytes \\(expected 12\\)")
  refused(file_of(sprintf("{\"a\":%s}", entry(8, 0)), eight), "tensor 'a' has -8 bytes \\(expected 8\\)")
  refused(file_of(one, raw(4)), "the tensors have 8 bytes, the file holds 4: is it truncated?")
  refused(file_of(one, raw(12)), "the tensors have 8 bytes, the file holds 12")
  refused(file_of(sprintf("{\"a\":%s,\"b\":%s}", entry(0, 8), entry(4, 12)), raw(12)), "'b' does not begin where")
  refused(file_of(sprintf("{\"a\":%s,\"b\":%s}", entry(0, 8), entry(12, 20)), raw(20)), "'b' does not begin where")
})

test_that("the R package safetensors reads and writes the same", {
  skip_if_no_torch()
  skip_if_not_installed("safetensors")
  file <- withr::local_tempfile()
  write_safetensors(file, tensors())
  theirs <- safetensors::safe_load_file(file, framework = "torch")
  for (name in names(tensors())) {
    ours <- tensors()[[name]]
    expect_equal(theirs[[name]]$shape, ours$shape)
    expect_identical(writeBin(row_of(theirs[[name]]), raw()), writeBin(ours$data, raw()))
  }
  again <- withr::local_tempfile()
  safetensors::safe_save_file(theirs, again, metadata = list(key = "value"))
  found <- read_safetensors(again)
  expect_identical(tensor_bits(found$tensors)[names(tensors())], tensor_bits(tensors()))
  expect_identical(found$metadata$key, "value")
})

test_that("Python's safetensors reads and writes the same", {
  python <- skip_if_no_python_crossoptim()
  file <- withr::local_tempfile()
  again <- withr::local_tempfile()
  write_safetensors(file, tensors())
  program <- paste(
    "import sys", "from safetensors.numpy import load_file, save_file",
    "save_file(load_file(sys.argv[1]), sys.argv[2], {'key': 'value'})",
    sep = "; "
  )
  done <- processx::run(python, c("-c", program, file, again))
  expect_identical(done$status, 0L)
  found <- read_safetensors(again)
  expect_identical(tensor_bits(found$tensors)[names(tensors())], tensor_bits(tensors()))
  expect_identical(found$metadata, list(key = "value"))
})
