# Between R's values and the protocol's rows: R arrays are column-major, rows are row-major.

is_torch <- function(x) {
  inherits(x, "torch_tensor")
}

# A vector without dimensions has one; a 0-d tensor is an R torch tensor or does not occur.
shape_of <- function(x) {
  if (is_torch(x)) x$shape else if (is.null(dim(x))) length(x) else dim(x)
}

row_of <- function(x) {
  if (is_torch(x)) {
    dense <- if (x$is_sparse()) x$to_dense() else x
    as.double(as.array(dense$detach()$flatten()$cpu()))
  } else if (length(dim(x)) > 1) {
    as.double(aperm(x))
  } else {
    as.double(x)
  }
}

# `row` in the form of `like`; a tensor is overwritten in place, as optimizers do.
put_row <- function(row, like) {
  if (is_torch(like)) {
    torch::with_no_grad(like$copy_(row_tensor(row, like$shape, like$dtype)))
    return(like)
  }
  array_like(row, like)
}

array_like <- function(row, like) {
  shape <- shape_of(like)
  if (length(shape) > 1) {
    row <- aperm(array(row, rev(shape)))
  }
  if (!is_torch(like)) {
    attributes(row) <- attributes(like)
  }
  row
}
