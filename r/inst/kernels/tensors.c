/* Where the tensors of R torch lie in memory, and what they are. R torch has no such call for many tensors, and takes tens of
   microseconds for each question in R; here its C interface (lantern.h) is asked, whose functions are handed over by address. */
#define R_NO_REMAP
#include <R.h>
#include <Rinternals.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FUNCTIONS(F)                                                                                                               \
    F(void *, _lantern_Tensor_grad, (void *))                                                                                      \
    F(void, _lantern_Tensor_set_grad_, (void *, void *))                                                                           \
    F(void *, _lantern_Tensor_undefined, (void))                                                                                   \
    F(bool, _lantern_Tensor_is_undefined, (void *))                                                                                \
    F(void, _lantern_Tensor_delete, (void *))                                                                                      \
    F(void *, _lantern_Tensor_device, (void *))                                                                                    \
    F(const char *, _lantern_Device_type, (void *))                                                                                \
    F(void, _lantern_const_char_delete, (const char *))                                                                            \
    F(void, _lantern_Device_delete, (void *))                                                                                      \
    F(void *, _lantern_Tensor_dtype, (void *))                                                                                     \
    F(void, _lantern_Dtype_delete, (void *))                                                                                       \
    F(void *, _lantern_Dtype_float32, (void))                                                                                      \
    F(void *, _lantern_Dtype_float64, (void))                                                                                      \
    F(void *, _lantern_Dtype_bfloat16, (void))                                                                                     \
    F(void *, _lantern_Dtype_float16, (void))                                                                                      \
    F(void *, _lantern_Dtype_int64, (void))                                                                                        \
    F(void *, _lantern_Dtype_int32, (void))                                                                                        \
    F(void *, _lantern_Dtype_int16, (void))                                                                                        \
    F(void *, _lantern_Tensor_view_tensor_scalartype, (void *, void *))                                                            \
    F(int64_t *, _lantern_Tensor_data_ptr_int64_t, (void *))                                                                       \
    F(int32_t *, _lantern_Tensor_data_ptr_int32_t, (void *))                                                                       \
    F(int16_t *, _lantern_Tensor_data_ptr_int16_t, (void *))                                                                       \
    F(bool, _lantern_Tensor_is_contiguous, (void *))                                                                               \
    F(int64_t, _lantern_Tensor_numel, (void *))                                                                                    \
    F(int64_t, _lantern_Tensor_ndimension, (void *))                                                                               \
    F(int64_t, _lantern_Tensor_size, (void *, int64_t))                                                                            \
    F(bool, _lantern_autograd_is_enabled, (void))                                                                                  \
    F(void, _lantern_autograd_set_grad_mode, (bool))                                                                               \
    F(void *, _lantern_Tensor_conj_physical__tensor, (void *))                                                                     \
    F(const char *, lanternLastError, (void))                                                                                      \
    F(void, lanternLastErrorClear, (void))

#define DECLARE(result, name, arguments) static result(*name) arguments;
FUNCTIONS(DECLARE)

/* The dtypes, and an integer of the same size as each, by the number that stands for it in R. */
enum { OTHER = -1, NONE, FLOAT32, FLOAT64, BFLOAT16, FLOAT16 };
static void *dtypes[5], *integers[5];

/* The names of the functions that connect() wants. */
SEXP wanted(void)
{
#define NAME(result, name, arguments) #name,
    const char *names[] = {FUNCTIONS(NAME) NULL};
    int count = 0;
    while (names[count])
        count++;
    SEXP out = PROTECT(Rf_allocVector(STRSXP, count));
    for (int i = 0; i < count; i++)
        SET_STRING_ELT(out, i, Rf_mkChar(names[i]));
    UNPROTECT(1);
    return out;
}

SEXP connect(SEXP addresses)
{
    int i = 0;
#define TAKE(result, name, arguments) name = (result(*) arguments)R_ExternalPtrAddrFn(VECTOR_ELT(addresses, i++));
    FUNCTIONS(TAKE)
    dtypes[FLOAT32] = _lantern_Dtype_float32();
    dtypes[FLOAT64] = _lantern_Dtype_float64();
    dtypes[BFLOAT16] = _lantern_Dtype_bfloat16();
    dtypes[FLOAT16] = _lantern_Dtype_float16();
    integers[FLOAT32] = _lantern_Dtype_int32();
    integers[FLOAT64] = _lantern_Dtype_int64();
    integers[BFLOAT16] = integers[FLOAT16] = _lantern_Dtype_int16();
    return R_NilValue;
}

/* R torch's tensors are external pointers to an XPtrTorch (torch_types.h), which begins with the pointer to the tensor. */
static void *tensor_of(SEXP x)
{
    if (TYPEOF(x) != EXTPTRSXP || !R_ExternalPtrAddr(x))
        Rf_error("expected a tensor of torch");
    return *(void **)R_ExternalPtrAddr(x);
}

static bool on_cpu(void *tensor)
{
    void *device = _lantern_Tensor_device(tensor);
    const char *type = device ? _lantern_Device_type(device) : NULL;
    const bool is = type && !strcmp(type, "cpu");
    if (type)
        _lantern_const_char_delete(type);
    if (device)
        _lantern_Device_delete(device);
    return is;
}

static int dtype_of(void *tensor)
{
    void *dtype = _lantern_Tensor_dtype(tensor);
    int found = OTHER;
    for (int i = FLOAT32; dtype && i <= FLOAT16; i++)
        if (*(int8_t *)dtype == *(int8_t *)dtypes[i])
            found = i;
    if (dtype)
        _lantern_Dtype_delete(dtype);
    return found;
}

/* The address of the first element; torch gives it for integers of each size. */
static void *address_of(void *tensor, int dtype)
{
    void *view = _lantern_Tensor_view_tensor_scalartype(tensor, integers[dtype]), *at = NULL;
    if (!view)
        return NULL;
    if (dtype == FLOAT64)
        at = _lantern_Tensor_data_ptr_int64_t(view);
    else if (dtype == FLOAT32)
        at = _lantern_Tensor_data_ptr_int32_t(view);
    else
        at = _lantern_Tensor_data_ptr_int16_t(view);
    _lantern_Tensor_delete(view);
    return at;
}

/* Its dtype, or OTHER where a kernel cannot have it: on another device, with gaps, sparse. */
static int look_at(void *tensor, double *address, double *size)
{
    int dtype = on_cpu(tensor) ? dtype_of(tensor) : OTHER;
    if (dtype != OTHER) {
        void *at = _lantern_Tensor_is_contiguous(tensor) ? address_of(tensor, dtype) : NULL;
        *size = (double)_lantern_Tensor_numel(tensor);
        *address = (double)(uintptr_t)at;
        if (!at && *size != 0)
            dtype = OTHER;
    }
    if (lanternLastError()) { /* which R torch would raise at its next call */
        lanternLastErrorClear();
        dtype = OTHER;
    }
    return dtype;
}

static bool same_shape(void *a, void *b)
{
    const int64_t axes = _lantern_Tensor_ndimension(a);
    if (axes != _lantern_Tensor_ndimension(b))
        return false;
    for (int64_t i = 0; i < axes; i++)
        if (_lantern_Tensor_size(a, i) != _lantern_Tensor_size(b, i))
            return false;
    return true;
}

/* Of each tensor, or of its gradient: the dtype's number, the address, the number of elements. */
SEXP describe(SEXP tensors, SEXP gradients)
{
    const R_xlen_t count = Rf_xlength(tensors);
    const bool of_gradient = Rf_asLogical(gradients);
    const char *names[] = {"dtype", "address", "size", ""};
    SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
    int *dtype = INTEGER(SET_VECTOR_ELT(out, 0, Rf_allocVector(INTSXP, count)));
    double *address = REAL(SET_VECTOR_ELT(out, 1, Rf_allocVector(REALSXP, count)));
    double *size = REAL(SET_VECTOR_ELT(out, 2, Rf_allocVector(REALSXP, count)));
    for (R_xlen_t i = 0; i < count; i++) {
        void *tensor = tensor_of(VECTOR_ELT(tensors, i));
        address[i] = size[i] = 0;
        if (!of_gradient) {
            dtype[i] = look_at(tensor, address + i, size + i);
            continue;
        }
        void *gradient = _lantern_Tensor_grad(tensor);
        if (!gradient || _lantern_Tensor_is_undefined(gradient))
            dtype[i] = NONE;
        else if (!same_shape(tensor, gradient))
            dtype[i] = OTHER;
        else
            dtype[i] = look_at(gradient, address + i, size + i);
        if (gradient)
            _lantern_Tensor_delete(gradient);
    }
    UNPROTECT(1);
    return out;
}

/* Tells autograd that the tensors have changed, so that a backward pass which needs what they were says so: for real numbers this
   operation in place does nothing but count. */
SEXP touch(SEXP tensors)
{
    const bool recording = _lantern_autograd_is_enabled();
    _lantern_autograd_set_grad_mode(false);
    for (R_xlen_t i = 0; i < Rf_xlength(tensors); i++) {
        void *same = _lantern_Tensor_conj_physical__tensor(tensor_of(VECTOR_ELT(tensors, i)));
        if (same)
            _lantern_Tensor_delete(same);
    }
    if (lanternLastError())
        lanternLastErrorClear();
    _lantern_autograd_set_grad_mode(recording);
    return R_NilValue;
}

/* Takes the gradients from tensors. */
SEXP drop_gradients(SEXP tensors)
{
    void *none = _lantern_Tensor_undefined();
    for (R_xlen_t i = 0; i < Rf_xlength(tensors); i++)
        _lantern_Tensor_set_grad_(tensor_of(VECTOR_ELT(tensors, i)), none);
    _lantern_Tensor_delete(none);
    return R_NilValue;
}
