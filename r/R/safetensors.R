# The safetensors format (https://github.com/huggingface/safetensors): eight bytes of little-endian header length, the
# header as JSON, the tensors' bytes row-major and little-endian. float32 and float64, exact in R's doubles.

safetensors_sizes <- c(F32 = 4, F64 = 8)
safetensors_names <- c(float32 = "F32", float64 = "F64")
# What Python's library admits.
longest_header <- 1e8

# `tensors`: name to list(dtype = "float64", shape =, data = numbers in row-major order). The file is written whole or
# not at all.
write_safetensors <- function(file, tensors, metadata = list()) {
  types <- vapply(tensors, function(tensor) safetensors_names[[tensor$dtype]], "")
  sizes <- safetensors_sizes[types]
  ends <- cumsum(lengths(lapply(tensors, function(tensor) tensor$data)) * sizes)
  entries <- sprintf(
    "%s:{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%.0f,%.0f]}",
    string_text(as.character(names(tensors))), types,
    vapply(tensors, function(tensor) paste(sprintf("%.0f", tensor$shape), collapse = ","), ""),
    c(0, ends)[seq_along(ends)], ends
  )
  said <- if (length(metadata) > 0) {
    pairs <- paste0(string_text(names(metadata)), ":", string_text(unlist(metadata)), collapse = ",")
    sprintf("\"__metadata__\":{%s}", pairs)
  }
  header <- charToRaw(enc2utf8(paste0("{", paste(c(said, entries), collapse = ","), "}")))
  header <- c(header, rep(charToRaw(" "), -length(header) %% 8))
  write_whole(file, function(out) {
    writeBin(c(length(header), 0L), out, size = 4L, endian = "little")
    writeBin(header, out)
    for (i in seq_along(tensors)) {
      writeBin(as.double(tensors[[i]]$data), out, size = sizes[[i]], endian = "little")
    }
  })
}

# `write` is given a connection to a neighbour of the file, which then takes its place.
write_whole <- function(file, write) {
  refuse <- function(problem) {
    abort(sprintf("%s: %s", file, conditionMessage(problem)), "crossoptim_file_error")
  }
  neighbour <- tempfile(paste0(".", basename(file), "."), dirname(file))
  on.exit(unlink(neighbour))
  out <- tryCatch(base::file(neighbour, "wb"), warning = refuse, error = refuse)
  tryCatch(write(out), error = refuse, finally = close(out))
  tryCatch(file.rename(neighbour, file), warning = refuse, error = refuse)
  invisible(file)
}

# What write_safetensors() was given: a list of `tensors` and `metadata`. A file that is not sound is refused whole.
read_safetensors <- function(file) {
  refuse <- function(...) {
    abort(sprintf("%s: %s", file, sprintf(...)), "crossoptim_file_error")
  }
  if (!file.exists(file) || dir.exists(file)) {
    refuse("no such file")
  }
  size <- file.size(file)
  input <- file(file, "rb")
  on.exit(close(input))
  length <- header_length(readBin(input, "raw", 8L))
  if (is.na(length) || length < 2 || length > min(longest_header, size - 8)) {
    refuse("not a safetensors file, or truncated (%.0f bytes, of which the header shall have %.0f)", size, length)
  }
  header <- read_header(readBin(input, "raw", length), refuse)
  metadata <- header[["__metadata__"]]
  if (!is.list(metadata) && !is.null(metadata) || !all(vapply(metadata, is_text, NA))) {
    refuse("the header's __metadata__ is not an object of texts")
  }
  entries <- header[names(header) != "__metadata__"]
  places <- check_entries(entries, size - 8 - length, refuse)
  tensors <- entries
  for (i in order(places$begin, places$end)) {
    bytes <- readBin(input, "raw", places$end[i] - places$begin[i])
    width <- safetensors_sizes[[entries[[i]]$dtype]]
    tensors[[i]] <- list(
      dtype = names(safetensors_names)[safetensors_names == entries[[i]]$dtype],
      shape = as.integer(unlist(entries[[i]]$shape)),
      data = readBin(bytes, "double", length(bytes) / width, size = width, endian = "little")
    )
  }
  list(tensors = tensors, metadata = as.list(metadata))
}

# Eight bytes, little-endian; NA where they are not there.
header_length <- function(bytes) {
  if (length(bytes) == 8) sum(as.integer(bytes) * 256^(0:7)) else NA_real_
}

read_header <- function(bytes, refuse) {
  text <- tryCatch(rawToChar(bytes), error = function(e) "")
  Encoding(text) <- "UTF-8"
  header <- if (startsWith(text, "{") && validUTF8(text)) tryCatch(from_json(text), error = function(e) NULL)
  if (is.null(header)) {
    refuse("the header is not a JSON object")
  }
  twice <- names(header)[duplicated(names(header))]
  if (length(twice) > 0) {
    refuse("the header names '%s' twice", twice[1])
  }
  header
}

# Where the tensors lie: side by side from the first byte to the last, each as long as its shape and dtype say.
check_entries <- function(entries, size, refuse) {
  offsets <- lapply(names(entries), function(name) {
    entry <- entries[[name]]
    whole <- function(x) is.list(x) && all(vapply(x, is_count, NA))
    if (!is.list(entry) || !whole(entry$shape) || !whole(entry$data_offsets) || length(entry$data_offsets) != 2) {
      refuse("tensor '%s' has no dtype, shape and data_offsets", name)
    }
    if (!is_text(entry$dtype) || !entry$dtype %in% names(safetensors_sizes)) {
      refuse("tensor '%s' is %s (expected F32 or F64)", name, format(entry$dtype %||% "without dtype")[1])
    }
    offsets <- as.double(unlist(entry$data_offsets))
    expected <- prod(as.double(unlist(entry$shape))) * safetensors_sizes[[entry$dtype]]
    if (offsets[2] - offsets[1] != expected) {
      refuse("tensor '%s' has %.0f bytes (expected %.0f)", name, offsets[2] - offsets[1], expected)
    }
    offsets
  })
  begin <- vapply(offsets, `[`, 0, 1)
  end <- vapply(offsets, `[`, 0, 2)
  sorted <- order(begin, end)
  wrong <- which(begin[sorted] != c(0, end[sorted])[seq_along(begin)])
  if (length(wrong) > 0) {
    refuse("tensor '%s' does not begin where the one before it ends", names(entries)[sorted][wrong[1]])
  }
  if (max(0, end) != size) {
    refuse("the tensors have %.0f bytes, the file holds %.0f: is it truncated?", max(0, end), size)
  }
  list(begin = begin, end = end)
}

is_text <- function(x) {
  is.character(x) && length(x) == 1
}

is_count <- function(x) {
  is.numeric(x) && length(x) == 1 && is.finite(x) && x >= 0 && x == round(x)
}
