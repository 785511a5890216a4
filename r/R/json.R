# JSON as the protocol wants it: 17 significant digits, "NaN", "Inf" and "-Inf" as strings. jsonlite
# reads 17 digits exactly but writes at most 15, hence the writer.

# `parse_json()`, because `fromJSON()` would open a text that is a URL or the name of a file.
from_json <- function(text) {
  force(text)
  tryCatch(
    jsonlite::parse_json(text, simplifyVector = FALSE),
    error = function(e) {
      abort(paste0("the request is not JSON: ", strsplit(conditionMessage(e), "\n")[[1]][1]), "crossoptim_json_error")
    }
  )
}

# A parsed array of numbers as a vector of doubles; NULL (no tensor) stays NULL.
read_row <- function(row) {
  if (is.null(row)) {
    return(NULL)
  }
  # unlist() would turn a row with a string among its numbers into strings of 15 digits.
  plain <- all(vapply(row, typeof, "") %in% c("double", "integer"))
  as.double(if (plain) unlist(row) else vapply(row, read_number, 0))
}

read_number <- function(value) {
  non_finite <- c(`NaN` = NaN, `Inf` = Inf, `-Inf` = -Inf)
  if (is.character(value) && value %in% names(non_finite)) {
    return(non_finite[[value]])
  }
  if (!is.numeric(value)) {
    abort("a row holds something that is not a number", "crossoptim_json_error")
  }
  as.double(value)
}

# Values in the form of the protocol: NULL is null, a named list an object, an unnamed list an array,
# `I(numbers)` an array of numbers whatever its length, anything else a scalar.
to_json <- function(value) {
  if (is.null(value)) {
    return("null")
  }
  if (inherits(value, "AsIs")) {
    return(paste0("[", paste(number_text(value), collapse = ", "), "]"))
  }
  if (is.list(value)) {
    parts <- vapply(value, to_json, "", USE.NAMES = FALSE)
    if (is.null(names(value))) {
      return(paste0("[", paste(parts, collapse = ", "), "]"))
    }
    return(paste0("{", paste0(string_text(names(value)), ": ", parts, recycle0 = TRUE, collapse = ", "), "}"))
  }
  if (length(value) != 1) {
    abort(sprintf("a vector of length %d is not a JSON scalar", length(value)), "crossoptim_json_error")
  }
  if (is.character(value)) string_text(value) else if (is.logical(value)) tolower(value) else number_text(value)
}

number_text <- function(x) {
  if (is.integer(x)) {
    return(sprintf("%d", x))
  }
  text <- sprintf("%.17g", x)
  # A double keeps its point: "-0" would be read as the integer zero.
  whole <- !grepl("[.en]", text, ignore.case = TRUE)
  text[whole] <- paste0(text[whole], ".0")
  odd <- !is.finite(x)
  if (any(odd)) {
    text[odd] <- ifelse(is.na(x[odd]), "\"NaN\"", ifelse(x[odd] > 0, "\"Inf\"", "\"-Inf\""))
  }
  text
}

string_text <- function(x) {
  # Backslashes, quotes and control characters are jsonlite's job.
  vapply(enc2utf8(x), function(s) as.character(jsonlite::toJSON(s, auto_unbox = TRUE)), "", USE.NAMES = FALSE)
}
