# An equation of the specification as C. What steps the tensors is written as crossoptim's Python package writes it
# (crossoptim/spec/emit/c.py), byte for byte: the same equation is the same kernel in both languages.

# How the elements of a tensor lie in memory, and the C type in which they are computed.
storages <- list(
  float32 = list(stored = "float", computed = "float", suffix = "f", bytes = 4),
  float64 = list(stored = "double", computed = "double", suffix = "", bytes = 8),
  bfloat16 = list(stored = "uint16_t", computed = "float", suffix = "f", bytes = 2),
  float16 = list(stored = "_Float16", computed = "float", suffix = "f", bytes = 2)
)

# What the kernel of an equation takes, in order: tensors, of which `g` is only read, and numbers.
kernel_arguments <- function(equation) {
  read <- names_read(equation)
  tensors <- c("p", "g", unlist(equation$state))
  list(tensors = tensors, numbers = setdiff(read, tensors), read = read)
}

# The C file that exports `step`, for tensors of one dtype.
kernel_source <- function(equation, dtype) {
  storage <- storages[[dtype]]
  taken <- kernel_arguments(equation)
  calls <- update_calls(equation)
  outputs <- paste0(c("p", unlist(equation$state)), "_new")
  in_c <- function(node) c_expression(node, function(value) c_number(value, storage$suffix), kernel_call)

  constant <- ifelse(taken$tensors == "g", "const ", "")
  pointers <- sprintf(
    "%sstored *restrict %s_at = (%sstored *)tensors_[%d] + from_;",
    constant, taken$tensors, constant, seq_along(taken$tensors) - 1L
  )[taken$tensors != "g" | "g" %in% taken$read]
  numbers <- sprintf("const number %s = numbers_[%d];", taken$numbers, seq_along(taken$numbers) - 1L)
  loaded <- intersect(c("g", "p", unlist(equation$state)), taken$read)
  loads <- sprintf("const number %s = LOAD(%s_at[i_]);", loaded, loaded)
  made <- Filter(is.call, calls)
  kinds <- ifelse(vapply(made, is_comparison, NA), "int", "number")
  statements <- sprintf("const %s %s = %s;", kinds, names(made), vapply(made, in_c, ""))
  results <- vapply(outputs, function(name) in_c(if (is.call(calls[[name]])) as.name(name) else calls[[name]]), "")
  variables <- sub("_new$", "", outputs)
  stores <- sprintf("%s_at[i_] = STORE(%s);", variables, results)[results != variables]

  paste0(
    "/* ", equation$id, " */\n#include <stdint.h>\n#define ", toupper(dtype),
    "\ntypedef ", storage$computed, " number;\ntypedef ", storage$stored, " stored;\n#include \"prelude.h\"\n\n",
    "static void part(stored *const *tensors_, const number *numbers_, int64_t from_, int64_t to_)\n{\n    ",
    paste(pointers, collapse = "\n    "), "\n    ", paste(numbers, collapse = "\n    "),
    "\n    const int64_t n_ = to_ - from_;\n    INDEPENDENT\n    for (int64_t i_ = 0; i_ < n_; i_++) {\n        ",
    paste(c(loads, statements, stores), collapse = "\n        "),
    "\n    }\n}\n\nSTEP(part, ", length(taken$tensors), ")\n"
  )
}

# The C functions with which R calls a kernel: `run`, and `scalars`, which makes the numbers of a step from the
# hyperparameters, the kept numbers and the step count, with twice the digits of a double.
scalars_source <- function(equation) {
  calls <- lapply(named_calls(equation$scalars), without_brackets)
  given <- given_numbers(equation)
  in_c <- function(node) {
    c_expression(node, function(value) sprintf("dd_of(%s)", c_number(value, "")), double_double_call)
  }
  body <- c(
    sprintf("const dd %s = dd_of(given_[%d]);", given, seq_along(given) - 1L),
    sprintf("const dd %s = %s;", names(calls), vapply(calls, in_c, "")),
    sprintf("made_[%d] = %s.value;", seq_along(calls) - 1L, names(calls))
  )
  paste0(
    "\n#include \"call.h\"\n\nstatic void make(const double *given_, double *made_)\n{\n    ",
    paste(body, collapse = "\n    "), "\n}\n\nENTRIES(", length(kernel_arguments(equation)$tensors), ", ",
    length(kernel_arguments(equation)$numbers), ", ", length(given), ", ", length(calls), ")\n"
  )
}

# What the scalars of an equation are made from, in order.
given_numbers <- function(equation) {
  c(unlist(equation$hyper), names(equation$kept), "t")
}

# The names that an equation reads, in the order in which a walk from its outputs meets them.
names_read <- function(equation) {
  calls <- update_calls(equation)
  met <- character()
  visit <- function(node) {
    name <- if (is.symbol(node)) as.character(node)
    if (is.call(node)) {
      for (operand in as.list(node)[-1]) visit(operand)
    } else if (!is.null(name) && !name %in% met) {
      met <<- c(met, name)
      visit(calls[[name]])
    }
  }
  for (variable in c("p", unlist(equation$state))) visit(as.name(paste0(variable, "_new")))
  setdiff(met, names(calls))
}

update_calls <- function(equation) {
  lapply(named_calls(equation$update), without_brackets)
}

named_calls <- function(pairs) {
  parse_statements(pairs, as.double)
}

# A C expression has each operation in brackets; those of the text are not kept.
without_brackets <- function(node) {
  if (!is.call(node)) {
    node
  } else if (identical(node[[1]], quote(`(`))) {
    without_brackets(node[[2]])
  } else {
    as.call(c(node[[1]], lapply(as.list(node)[-1], without_brackets)))
  }
}

is_comparison <- function(node) {
  as.character(node[[1]]) %in% c("<", ">", "<=", ">=")
}

# `number` writes a literal, `operation` a call from its name and its operands in C.
c_expression <- function(node, number, operation) {
  if (is.symbol(node)) {
    as.character(node)
  } else if (is.numeric(node)) {
    number(node)
  } else if (length(node) == 2 && identical(node[[1]], quote(`-`)) && is.numeric(node[[2]])) {
    number(-node[[2]])
  } else {
    operands <- vapply(as.list(node)[-1], c_expression, "", number = number, operation = operation)
    operation(node, operands)
  }
}

# The digits that read back exactly.
c_number <- function(value, suffix) {
  size <- abs(value)
  whole <- size == round(size) && size < 1e15
  digits <- sprintf(if (whole) "%.0f.0" else "%.17g", size)
  if (!grepl("[.e]", digits)) {
    digits <- paste0(digits, ".0")
  }
  paste0(if (value < 0 || 1 / value < 0) "-", digits, suffix)
}

kernel_call <- function(node, operands) {
  op <- as.character(node[[1]])
  third <- op == "^" && is.numeric(node[[3]]) && abs(node[[3]] - 1 / 3) < 1e-7
  if (op %in% c("sqrt", "maximum") || third) {
    sprintf("%s(%s)", if (third) "POWER" else toupper(op), toString(operands))
  } else if (op == "where") {
    sprintf("(%s ? %s : %s)", operands[1], operands[2], operands[3])
  } else if (!op %in% c("+", "-", "*", "/", "<", ">", "<=", ">=")) {
    abort(
      sprintf("a kernel cannot have %s (expected an elementwise equation)", paste(deparse(node), collapse = "")),
      "crossoptim_value_error"
    )
  } else if (length(operands) == 1) {
    sprintf("(%s%s)", op, operands)
  } else {
    sprintf("(%s %s %s)", operands[1], op, operands[2])
  }
}

double_double_call <- function(node, operands) {
  op <- as.character(node[[1]])
  if (op == "where") {
    sprintf("(%s ? %s : %s)", operands[1], operands[2], operands[3])
  } else if (op == "-" && length(operands) == 1) {
    sprintf("dd_minus(%s)", operands)
  } else {
    known <- c(
      `+` = "add", `-` = "subtract", `*` = "times", `/` = "divide", `^` = "power", `<` = "less", `>` = "more",
      `<=` = "at_most", `>=` = "at_least", sqrt = "root", maximum = "maximum"
    )
    sprintf("dd_%s(%s)", known[[op]], toString(operands))
  }
}
