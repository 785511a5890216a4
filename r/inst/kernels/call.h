/* How R calls a kernel. Addresses are numbers: a double holds them exactly. */
#define R_NO_REMAP
#include <R.h>
#include <Rinternals.h>
#include "double_double.h"

/* run: `sizes` are the numbers of elements of the parameters, `addresses` for each parameter those of its tensors, `numbers` a column
   for each parameter, or one for all. scalars: the numbers of a step that are made from others. */
#define ENTRIES(tensors_of_each, numbers_of_each, given_count, made_count)                                                         \
    EXPORT SEXP run(SEXP sizes, SEXP addresses, SEXP numbers, SEXP threads)                                                        \
    {                                                                                                                              \
        const R_xlen_t count = Rf_xlength(sizes), addressed = Rf_xlength(addresses), given = Rf_xlength(numbers);                  \
        if (addressed != count * tensors_of_each || (given != numbers_of_each && given != count * numbers_of_each))                \
            Rf_error("kernel: %ld addresses and %ld numbers for %ld parameters", (long)addressed, (long)given, (long)count);       \
        int64_t *lengths = (int64_t *)R_alloc(count, sizeof *lengths);                                                             \
        stored **pointers = (stored **)R_alloc(addressed, sizeof *pointers);                                                       \
        number *rounded = (number *)R_alloc(given, sizeof *rounded);                                                               \
        for (R_xlen_t i = 0; i < count; i++)                                                                                       \
            lengths[i] = (int64_t)REAL(sizes)[i];                                                                                  \
        for (R_xlen_t i = 0; i < addressed; i++)                                                                                   \
            pointers[i] = (stored *)(uintptr_t)REAL(addresses)[i];                                                                 \
        for (R_xlen_t i = 0; i < given; i++)                                                                                       \
            rounded[i] = (number)REAL(numbers)[i];                                                                                 \
        step(count, lengths, pointers, rounded, given == numbers_of_each ? 0 : numbers_of_each, Rf_asInteger(threads));            \
        return R_NilValue;                                                                                                         \
    }                                                                                                                              \
    EXPORT SEXP scalars(SEXP given)                                                                                                \
    {                                                                                                                              \
        if (Rf_xlength(given) != given_count)                                                                                      \
            Rf_error("kernel: %ld numbers given (expected %d)", (long)Rf_xlength(given), given_count);                             \
        SEXP made = PROTECT(Rf_allocVector(REALSXP, made_count));                                                                  \
        make(REAL(given), REAL(made));                                                                                             \
        UNPROTECT(1);                                                                                                              \
        return made;                                                                                                               \
    }
