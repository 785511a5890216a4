# The specification's expression text as R calls. Python's `**` is R's `^`; the other operators and the
# functions have the same names. The calls are evaluated in environments that hold these names and
# nothing else, so that a request can name no other function.

# `pairs`: a list of (name, text). `literal`: what each number in the text becomes.
parse_statements <- function(pairs, literal) {
  calls <- lapply(pairs, function(pair) convert_literals(parse_text(pair[[2]]), literal))
  names(calls) <- vapply(pairs, function(pair) pair[[1]], "")
  calls
}

parse_text <- function(text) {
  parsed <- tryCatch(parse(text = text, keep.source = FALSE), error = function(e) NULL)
  if (length(parsed) != 1) {
    abort(sprintf("expression '%s' does not parse", text), "crossoptim_expression_error")
  }
  parsed[[1]]
}

convert_literals <- function(node, literal) {
  if (is.numeric(node)) {
    literal(node)
  } else if (is.call(node)) {
    as.call(c(node[[1]], lapply(as.list(node)[-1], convert_literals, literal = literal)))
  } else {
    node
  }
}

# Evaluate the statements in order; each may use the values and the statements before it.
evaluate_statements <- function(calls, values, functions) {
  env <- list2env(values, parent = functions)
  for (name in names(calls)) {
    assign(name, eval(calls[[name]], env), envir = env)
  }
  mget(names(calls), envir = env)
}
