/* Numbers with twice the digits of a double: the unevaluated sum of two doubles. Operation for operation as in the package's
   double_double.R; after Dekker 1971 and Hida, Li & Bailey 2001. */
#include <math.h>

typedef struct {
    double value, rest;
} dd;

static inline dd dd_of(double x) { return (dd){x, 0}; }

static inline dd dd_minus(dd a) { return (dd){-a.value, -a.rest}; }

/* Beside a number that is not finite the rest means nothing. */
static inline dd dd_normal(double value, double rest)
{
    if (!isfinite(value) || !isfinite(rest))
        return dd_of(value);
    const double sum = value + rest;
    return (dd){sum, rest - (sum - value)};
}

static inline dd dd_exact_sum(double a, double b)
{
    const double sum = a + b, back = sum - a;
    return (dd){sum, (a - (sum - back)) + (b - back)};
}

static inline dd dd_add(dd a, dd b)
{
    const dd high = dd_exact_sum(a.value, b.value), low = dd_exact_sum(a.rest, b.rest);
    const dd first = dd_normal(high.value, high.rest + low.value);
    return dd_normal(first.value, first.rest + low.rest);
}

static inline dd dd_subtract(dd a, dd b) { return dd_add(a, dd_minus(b)); }

static inline dd dd_times(dd a, dd b)
{
    const double product = a.value * b.value;
    return dd_normal(product, fma(a.value, b.value, -product) + (a.value * b.rest + a.rest * b.value));
}

static inline dd dd_divide(dd a, dd b)
{
    const double first = a.value / b.value;
    if (!isfinite(first) || !isfinite(b.value))
        return dd_of(first);
    const dd left = dd_subtract(a, dd_times(b, dd_of(first)));
    const double second = left.value / b.value;
    const double third = dd_subtract(left, dd_times(b, dd_of(second))).value / b.value;
    return dd_add(dd_normal(first, second), dd_of(third));
}

static inline dd dd_root(dd a)
{
    const double first = sqrt(a.value);
    if (!isfinite(first) || first == 0)
        return dd_of(first);
    return dd_normal(first, dd_subtract(a, dd_times(dd_of(first), dd_of(first))).value / (2 * first));
}

static inline int dd_less(dd a, dd b) { return a.value == b.value ? a.rest < b.rest : a.value < b.value; }
static inline int dd_more(dd a, dd b) { return dd_less(b, a); }
static inline int dd_at_most(dd a, dd b) { return a.value == b.value ? a.rest <= b.rest : a.value <= b.value; }
static inline int dd_at_least(dd a, dd b) { return dd_at_most(b, a); }
static inline dd dd_maximum(dd a, dd b) { return dd_at_least(a, b) ? a : b; }

/* The series converges fast near zero: a 2 ** -9 part of the remainder, squared nine times. */
static inline dd dd_exp(dd a)
{
    const dd log_two = {0.693147180559945286, 2.3190468138462996e-17};
    const double whole = nearbyint(a.value / log_two.value);
    if (fabs(whole) > 1000)
        return dd_of(exp(a.value));
    dd small = dd_subtract(a, dd_times(dd_of(whole), log_two)), term = dd_of(1), sum = dd_of(1);
    small = (dd){small.value / 512, small.rest / 512};
    for (int n = 1; n <= 9; n++) {
        term = dd_divide(dd_times(term, small), dd_of(n));
        sum = dd_add(sum, term);
    }
    for (int squared = 1; squared <= 9; squared++)
        sum = dd_times(sum, sum);
    return (dd){ldexp(sum.value, (int)whole), ldexp(sum.rest, (int)whole)};
}

/* One step of Newton's method doubles the digits of the C library's logarithm. */
static inline dd dd_log(dd a)
{
    const dd first = dd_of(log(a.value));
    return dd_add(first, dd_add(dd_times(a, dd_exp(dd_minus(first))), dd_of(-1)));
}

/* Whole exponents by squaring, others by logarithm. */
static inline dd dd_power(dd a, dd b)
{
    const double exponent = b.value;
    if (b.rest == 0 && exponent == nearbyint(exponent) && fabs(exponent) < 0x1p31) {
        dd result = dd_of(1);
        for (uint64_t left = (uint64_t)fabs(exponent); left; left /= 2) {
            if (left % 2)
                result = dd_times(result, a);
            a = dd_times(a, a);
        }
        return exponent < 0 ? dd_divide(dd_of(1), result) : result;
    }
    if (!isfinite(exponent) || !isfinite(a.value) || a.value <= 0)
        return dd_of(pow(a.value, exponent));
    return dd_exp(dd_times(b, dd_log(a)));
}
