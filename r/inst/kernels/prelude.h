/* What the kernels share: arithmetic that IEEE 754 fixes, how half precision lies in memory, and how a group is divided among threads.
   Defined before: one of FLOAT32, FLOAT64, BFLOAT16, FLOAT16; the types number and stored. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#ifdef FLOAT64
#define SQRT(x) sqrt(x)
#define MOST DBL_MAX
#define ROUNDS 4
#else
#define SQRT(x) sqrtf(x)
#define MOST FLT_MAX
#define ROUNDS 3
#endif

/* The larger one; NaN if either is. */
#define MAXIMUM(a, b) maximum(a, b)
static inline number maximum(number a, number b) { return a >= b || a != a ? a : b; }

#ifdef BFLOAT16
static inline number load(stored x)
{
    const uint32_t bits = (uint32_t)x << 16;
    number out;
    memcpy(&out, &bits, sizeof out);
    return out;
}
static inline stored store(number x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return x != x ? 0x7fc0 : (stored)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16); /* to nearest, ties to even */
}
#define LOAD(x) load(x)
#define STORE(x) store(x)
#else
#define LOAD(x) ((number)(x))
#define STORE(x) ((stored)(x))
#endif

/* a * b + c, with one rounding where that is as fast: for what is more exact than its last rounding needs. */
#ifdef __FP_FAST_FMA
#define MULADD(a, b, c) fma(a, b, c)
#else
#define MULADD(a, b, c) ((a) * (b) + (c))
#endif

/* x to a constant power that is a third but for its rounding, rounded once: the root of x by Newton's method, what its cube lacks of x,
   and x ** (e - 1/3) by the first terms of its series. */
#define POWER(x, e) power(x, e)
static inline number power(number given, double e)
{
    const double off = fma(e, 3, -1) / 3; /* e - 1/3 */
#ifdef FLOAT64
    const int small = given < 1e-290, large = given > 1e290; /* scaled by 2 ** 300, or its inverse */
    const double x = given * (small ? 0x1p300 : large ? 0x1p-300 : 1);
#else
    const double x = given;
#endif
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t high = (uint32_t)(bits >> 32);
    const uint64_t guessed = (uint64_t)(0x553ef0ff - high / 3) << 32;
    double r, m;
    memcpy(&r, &guessed, sizeof r); /* 1 / x ** (1/3), five bits of it */
    for (int i = 0; i < ROUNDS; i++)
        r = MULADD(r * (1.0 / 3), MULADD(-(x * r), r * r, 1), r);
    const uint32_t nearest = high + 0x95f62; /* what makes a mantissa of 1.41… and more overflow: x = m * 2 ** k, m around 1 */
    const uint64_t mantissa = bits - ((uint64_t)((nearest & 0xfff00000) - 0x3ff00000) << 32);
    memcpy(&m, &mantissa, sizeof m);
    const double s = (m - 1) / (m + 1), q = s * s;
    const double series = MULADD(q, MULADD(q, MULADD(q, MULADD(q, 1.0 / 9, 1.0 / 7), 1.0 / 5), 1.0 / 3), 1);
    const double logarithm = MULADD((double)(int32_t)(nearest >> 20) - 1023, 0.6931471805599453, 2 * s * series);
    const double y = x * (r * r), square = y * y;
#ifdef FLOAT64
    const double cube = square * y;
    const double lacks = x - cube - (fma(square, y, -cube) + fma(y, y, -square) * y);
    const double more = off * (logarithm - (small - large) * 207.94415416798358), back = small ? 0x1p-100 : large ? 0x1p100 : 1;
#else
    const double lacks = MULADD(-square, y, x), more = off * logarithm, back = 1;
#endif
    const double root = (y + MULADD(lacks * (1.0 / 3), r * r, y * MULADD(more * 0.5, more, more))) * back;
    return given > 0 && given <= MOST ? (number)root : given >= 0 ? given : (number)NAN;
}

/* Before a loop: no element depends on another. Compilers see that of a few tensors only, and leave the loop over more as it is. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define INDEPENDENT _Pragma("GCC ivdep")
#else
#define INDEPENDENT
#endif

#ifdef _OPENMP
#include <omp.h>
#define THREADS _Pragma("omp parallel num_threads(threads) if(threads > 1)")
#define THREAD omp_get_thread_num()
#define TEAM omp_get_num_threads()
#else
#define THREADS
#define THREAD 0
#define TEAM 1
#endif

#ifdef _WIN32
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* Elements to the cache line: no two threads write the same one. */
#define LINE 64

/* Elements to a thread: with fewer, waking it on a busy machine may take longer than its share of the work. */
#define GRAIN 65536

/* step: takes `count` parameters through a step. `sizes` are their numbers of elements, `tensors` for each parameter the addresses of its
   tensors, `numbers` what is the same for all elements: `stride` numbers for each parameter, or, where that is 0, the same for all. */
#define STEP(part, arity)                                                                                                          \
    EXPORT void step(int64_t count, const int64_t *sizes, stored *const *tensors, const number *numbers, int64_t stride, int threads) \
    {                                                                                                                              \
        int64_t total = 0;                                                                                                         \
        for (int64_t k = 0; k < count; k++)                                                                                        \
            total += sizes[k];                                                                                                     \
        if (threads > total / GRAIN)                                                                                               \
            threads = total > GRAIN ? (int)(total / GRAIN) : 1;                                                                    \
        THREADS                                                                                                                    \
        {                                                                                                                          \
            const int64_t share = (total / LINE / TEAM + 1) * LINE, first = share * THREAD;                                        \
            const int64_t last = first + share < total ? first + share : total;                                                    \
            for (int64_t k = 0, begin = 0; k < count && begin < last; begin += sizes[k++]) {                                       \
                const int64_t from = first > begin ? first - begin : 0;                                                            \
                const int64_t to = last - begin < sizes[k] ? last - begin : sizes[k];                                              \
                if (from < to)                                                                                                     \
                    part(tensors + k * arity, numbers + k * stride, from, to);                                                     \
            }                                                                                                                      \
        }                                                                                                                          \
    }
