/* Every op of every ISA that this machine has, against float64: sizes around the vector
 * length, any tiles, in place, at odd addresses, between canaries. The operands come
 * from the op table's own strings. */
#include "check.h"
#include "reference.h"

typedef struct op_row {
    const char *name, *operands;
    int inplace, rows; /* FF_INPLACE; may be cut by rows */
    char kind;         /* of ff_op_info */
    int columns;       /* cut by columns of d[0] */
} op_row;

enum { FF_INPLACE = 1, FF_BORROW = 2, FF_CALLBACK = 4 };
enum { FF_SHAPE_ROWS, FF_SHAPE_GRID, FF_SHAPE_WEIGHT, FF_SHAPE_COLUMNS, FF_SHAPE_WHOLE };

static const op_row OPS[FF_OP_COUNT] = {
#define FF_OP(ID, name, shape, flags, scratch, operands, facts, doc) \
    [FF_OP_##ID] = {#name, operands, ((flags) & FF_INPLACE) != 0, FF_SHAPE_##shape == FF_SHAPE_ROWS, 'o', FF_SHAPE_##shape == FF_SHAPE_COLUMNS},
#define FF_OPT(ID, name, slots, doc) [FF_OP_##ID] = {#name, "", 0, 0, 'p', 0},
#define FF_UNARY(ID, name, doc) [FF_OP_##ID] = {#name, "x<f:ra y>f:ra", 1, 1, 'u', 0},
#define FF_BINARY(ID, name, doc) [FF_OP_##ID] = {#name, "x<f:m z<f:n y>f:ra", 1, 1, 'b', 0},
#include "../../csrc/include/ff_ops.inc"
#undef FF_OP
#undef FF_OPT
#undef FF_UNARY
#undef FF_BINARY
};

typedef struct operand {
    char mode, type;
    int optional;
    size_t count;
    check_buffer buffer;
    double *truth;
} operand;

/* Parses the operand at *text and moves on; 0 at the end. */
static int next_operand(const char **text, const ff_args *a, operand *o)
{
    const char *c = *text;
    while (*c == ' ') c++;
    if (!*c) return 0;
    c += strcspn(c, "?<>=");
    memset(o, 0, sizeof *o);
    o->optional = *c == '?';
    c += o->optional;
    o->mode = *c++;
    o->type = *c++;
    o->count = 1;
    for (c++; *c && *c != ' '; c++) {
        const size_t broadcast = *c == 'm' ? a->d[1] : *c == 'n' ? a->d[2] : 4;
        if (broadcast < 4) o->count *= (broadcast == 0 || broadcast == 2 ? a->nrows : 1) * (broadcast < 2 ? a->d[0] : 1);
        else if (*c == 'r') o->count *= a->nrows;
        else if (*c != '.') o->count *= a->d[*c - 'a'];
    }
    *text = c;
    return 1;
}

static size_t type_bytes(char type) { return type == 'd' ? 8 : 4; }

static void fill_operand(operand *o, int at, size_t misalign, const reference *ref, size_t classes)
{
    o->buffer = check_alloc(o->count * type_bytes(o->type), misalign);
    for (size_t i = 0; i < o->count; i++) {
        const float x = check_uniform(ref->low, ref->high);
        if (o->type == 'd') ((double *)o->buffer.p)[i] = (double)x;
        else if (o->type == 'i') ((int32_t *)o->buffer.p)[i] = (int32_t)(check_random() % classes);
        else ((float *)o->buffer.p)[i] = (ref->op == FF_OP_HIT_BINARY || ref->op == FF_OP_SELECT) && i % 3 ? (float)(i % 2) : x;
    }
    if (ref->op == FF_OP_SUM_ABOVE64 && at == 2) /* limits that may be taken for ascending ones */
        for (size_t i = 0; i < o->count; i++) ((float *)o->buffer.p)[i] = ref->low + (ref->high - ref->low) * (float)(i + 1) / (float)(o->count + 1);
}

static double value_at(const operand *o, const void *p, size_t i)
{
    return o->type == 'd' ? ((const double *)p)[i] : o->type == 'i' ? (double)((const int32_t *)p)[i] : (double)((const float *)p)[i];
}

static void compare(const reference *ref, const operand *o, const ff_args *a, const char *isa)
{
    for (size_t i = 0; i < o->count; i++) {
        const double y = value_at(o, o->buffer.p, i);
        const double t = o->truth[i], bound = ref->ulps * 0x1p-23 * (1 + fabs(t));
        if (ref->ulps == 0 && o->type == 'f' ? (float)y != (float)t : !(fabs(y - t) <= bound)) {
            check_fail("%s %s rows %zu a %zu b %zu c %zu: [%zu] %.9g instead of %.9g", isa, OPS[ref->op].name, a->nrows,
                       a->d[0], a->d[1], a->d[2], i, y, t);
            return;
        }
    }
}

/* Runs the tile [0, nrows), or every tile of `step` rows; columns in blocks of `step` if they can be cut. */
static void run(const ff_kernels *k, int op, ff_args *a, size_t step)
{
    if (OPS[op].columns && step < a->nrows) {
        a->r0 = 0;
        a->r1 = a->nrows;
        for (size_t u = 0; u < a->d[0]; u += step) {
            a->u0 = u;
            a->u1 = a->d[0] - u < step ? a->d[0] : u + step;
            k->fn[op](a);
        }
        return;
    }
    a->u0 = 0;
    a->u1 = a->d[0];
    if (!OPS[op].rows) step = a->nrows;
    for (size_t r = 0; r < a->nrows; r += step) {
        a->r0 = r;
        a->r1 = a->nrows - r < step ? a->nrows : r + step;
        k->fn[op](a);
    }
}

static void one_case(const ff_kernels *k, const reference *ref, ff_args a, size_t misalign, int absent)
{
    const op_row *row = &OPS[ref->op];
    operand o[FF_MAX_OPERANDS];
    double *truth[FF_MAX_OPERANDS] = {NULL};
    int n = 0, first_out = -1;
    a.k = k;
    for (const char *text = row->operands; next_operand(&text, &a, &o[n]); n++) {
        if (o[n].optional && absent) continue;
        fill_operand(&o[n], n, o[n].type == 'd' ? 0 : misalign, ref, a.d[0]);
        a.p[n] = o[n].buffer.p;
        if (o[n].mode == '<') continue;
        if (first_out < 0) first_out = n;
        truth[n] = o[n].truth = malloc(o[n].count * sizeof(double) + 1);
        for (size_t i = 0; i < o[n].count; i++)
            o[n].truth[i] = value_at(&o[n], a.p[n], i);
    }
    void *initial[FF_MAX_OPERANDS] = {NULL}, *whole[FF_MAX_OPERANDS] = {NULL};
    for (int i = 0; i < n; i++) {
        if (!a.p[i]) continue;
        initial[i] = malloc(o[i].buffer.bytes + 1);
        whole[i] = malloc(o[i].buffer.bytes + 1);
        memcpy(initial[i], a.p[i], o[i].buffer.bytes);
    }
    ref->fn(&a, truth);
    run(k, ref->op, &a, a.nrows);
    for (int i = 0; i < n; i++) {
        if (!a.p[i]) continue;
        if (o[i].mode == '<') CHECK(!memcmp(a.p[i], initial[i], o[i].buffer.bytes), "%s changed its input", row->name);
        else compare(ref, &o[i], &a, k->isa);
        memcpy(whole[i], a.p[i], o[i].buffer.bytes);
    }
    for (size_t step = 1; step < a.nrows && (row->rows || row->columns); step += 4) {
        for (int i = 0; i < n; i++)
            if (a.p[i]) memcpy(a.p[i], initial[i], o[i].buffer.bytes);
        run(k, ref->op, &a, step);
        for (int i = 0; i < n; i++)
            CHECK(!a.p[i] || !memcmp(a.p[i], whole[i], o[i].buffer.bytes), "%s %s rows %zu a %zu: tiles of %zu differ",
                  k->isa, row->name, a.nrows, a.d[0], step);
    }
    if (row->inplace && o[0].count == o[first_out].count) {
        void *const own = a.p[first_out];
        for (int i = 0; i < n; i++)
            if (a.p[i]) memcpy(a.p[i], initial[i], o[i].buffer.bytes);
        a.p[first_out] = a.p[0];
        run(k, ref->op, &a, a.nrows);
        CHECK(!memcmp(a.p[0], whole[first_out], o[0].buffer.bytes), "%s %s rows %zu a %zu: in place differs", k->isa,
              row->name, a.nrows, a.d[0]);
        a.p[first_out] = own;
    }
    for (int i = 0; i < n; i++) {
        if (o[i].buffer.raw) check_free(&o[i].buffer, row->name);
        free(o[i].truth);
        free(initial[i]);
        free(whole[i]);
    }
}

/* Operands 1 and 2, or 0 and 1, are broadcast by the modes in d[1] and d[2]. */
static int has_modes(int op)
{
    return OPS[op].kind == 'b' || op == FF_OP_SELECT || op == FF_OP_INT_BINARY || op == FF_OP_INT_COMPARE;
}

/* How many cases of other dimensions an op has at a width; sets those of one of them. */
static size_t special_dims(int op, size_t width, size_t which, ff_args *a)
{
    switch (op) {
    case FF_OP_PICK: /* runs that reach over the end are no places */
    case FF_OP_PUT:
        a->d[1] = width / 2 + 1;
        a->d[2] = which ? 3 : 1;
        return 2;
    case FF_OP_TAKE:
    case FF_OP_TAKE_GRAD: a->d[1] = width / 2 + 1; return 1;
    case FF_OP_LOOKUP:
    case FF_OP_LOOKUP_GRAD:
        a->d[1] = 1 + 2 * which;
        a->d[2] = which;
        return 2;
    case FF_OP_IN_TOP_K: a->d[1] = width / 2 + 1; return 1;
    case FF_OP_CUMULATE:
        a->d[1] = 1 + which / 4 * 2;
        a->d[2] = which % 4;
        return 8;
    case FF_OP_SEARCH:
        a->d[1] = 7;
        a->d[2] = which;
        return 2;
    case FF_OP_MATMUL:
        a->d[0] = 1 + 2 * which;
        a->d[1] = 5;
        a->d[2] = width;
        return 2;
    case FF_OP_INT_LAST:
    case FF_OP_INT_ROWS: a->d[1] = which; return 3;
    case FF_OP_SUM_ABOVE64:
        a->d[1] = 7;
        a->d[2] = which % 2;
        a->d[3] = which / 2;
        return 4;
    default: return 0;
    }
}

static void one_op(const ff_kernels *k, const reference *ref)
{
    const size_t v = k->lanes;
    const size_t heights[] = {1, 2, 5, v - 1, v, v + 1, 37};
    const size_t widths[] = {1, 2, 3, 10, v - 1, v, v + 1, 2 * v - 1, 2 * v, 2 * v + 1, 4 * v + 1, 67, 131};
    for (size_t h = 0; h < sizeof heights / sizeof *heights; h++)
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
            ff_args a = {.nrows = heights[h], .d = {widths[w]}, .f = {0.5f}};
            const size_t misalign = (h + w) % 3 * 4;
            const size_t special = special_dims(ref->op, widths[w], 0, &a);
            if (has_modes(ref->op)) {
                for (size_t modes = 0; modes < 16; modes++) {
                    a.d[1] = modes / 4;
                    a.d[2] = modes % 4;
                    a.d[3] = (modes + w) % 14; /* compares: the last for 4 and above */
                    one_case(k, ref, a, misalign, 0);
                }
            } else if (special) {
                for (size_t i = 0; i < special; i++) {
                    special_dims(ref->op, widths[w], i, &a);
                    one_case(k, ref, a, misalign, 0);
                }
            } else if (ref->op == FF_OP_COPY_COLS) {
                a.d[4] = (widths[w] + 1) / 2;
                a.d[2] = widths[w] - a.d[4];
                a.d[3] = 3;
                a.d[1] = a.d[3] + a.d[4] + 2;
                one_case(k, ref, a, misalign, 0);
            } else
                for (size_t b = 0; b < 2; b++) {
                    a.d[1] = b;
                    one_case(k, ref, a, misalign, (int)b);
                }
        }
    check_done("%s %s", k->isa, OPS[ref->op].name);
}

/* The table is complete, and the unary functions agree with the op kernels. */
static void table(const ff_kernels *k)
{
    for (int op = 1; op < FF_OP_COUNT; op++) {
        CHECK((k->fn[op] != NULL) == (op != FF_OP_HOST), "%s: kernel of %s", k->isa, OPS[op].name);
        CHECK((k->opt[op] != NULL) == (OPS[op].kind == 'p'), "%s: opt %s", k->isa, OPS[op].name);
        CHECK((k->unary[op] != NULL) == (OPS[op].kind == 'u'), "%s: unary %s", k->isa, OPS[op].name);
    }
    CHECK(k->pack && k->unpack && k->lanes && k->nr % k->lanes == 0, "%s: table", k->isa);
    check_done("%s table", k->isa);
}

/* A row of n copies of `fill` with x at `at`; the op's result at `at` (or of the row). */
static float probe(const ff_kernels *k, int op, size_t n, float fill, size_t at, float x)
{
    float in[200], out[200] = {0};
    for (size_t i = 0; i < n; i++) in[i] = fill;
    in[at] = x;
    const ff_args a = {.p = {in, out}, .d = {n}, .f = {1}, .nrows = 1, .r1 = 1, .k = k};
    k->fn[op](&a);
    return op == FF_OP_MAX_LAST || op == FF_OP_MIN_LAST || op == FF_OP_SUM_LAST ? out[0] : out[at];
}

static void edges(const ff_kernels *k)
{
    const struct {
        int op;
        float x, y;
    } rows[] = {
        {FF_OP_RELU, NAN, NAN},         {FF_OP_RELU, -INFINITY, 0},    {FF_OP_SIGN, NAN, NAN},
        {FF_OP_SIGN, 0, 0},             {FF_OP_SQRT, -1, NAN},         {FF_OP_RSQRT, 0, INFINITY},
        {FF_OP_RECIPROCAL, 0, INFINITY}, {FF_OP_EXP, -INFINITY, 0},    {FF_OP_EXP, INFINITY, INFINITY},
        {FF_OP_EXP, 0, 1},              {FF_OP_EXP, -103.5f, 0x1p-149f}, {FF_OP_EXP, 89, INFINITY},
        {FF_OP_LOG, 0, -INFINITY},      {FF_OP_LOG, -1, NAN},          {FF_OP_LOG, INFINITY, INFINITY},
        {FF_OP_LOG, 1, 0},              {FF_OP_LOG1P, -1, -INFINITY},  {FF_OP_LOG1P, -1.5f, NAN},
        {FF_OP_LOG1P, INFINITY, INFINITY}, {FF_OP_EXPM1, -INFINITY, -1}, {FF_OP_EXPM1, INFINITY, INFINITY},
        {FF_OP_TANH, INFINITY, 1},      {FF_OP_TANH, -INFINITY, -1},   {FF_OP_SIGMOID, INFINITY, 1},
        {FF_OP_SIGMOID, -INFINITY, 0},  {FF_OP_SOFTPLUS, -INFINITY, 0}, {FF_OP_SOFTPLUS, INFINITY, INFINITY},
        {FF_OP_ERF, INFINITY, 1},       {FF_OP_ERF, -INFINITY, -1},    {FF_OP_MAX_LAST, NAN, NAN},
        {FF_OP_MAX_LAST, INFINITY, INFINITY}, {FF_OP_MAX_LAST, -INFINITY, 0.25f}, {FF_OP_SOFTMAX, NAN, NAN},
        {FF_OP_FLOOR, -0.5f, -1},       {FF_OP_CEIL, 8388609.0f, 8388609.0f}, {FF_OP_TRUNC, -INFINITY, -INFINITY},
        {FF_OP_ROUND, 2.5f, 2},         {FF_OP_ISNAN, NAN, 1},         {FF_OP_ISNAN, INFINITY, 0},
        {FF_OP_ISINF, -INFINITY, 1},    {FF_OP_ISINF, NAN, 0},         {FF_OP_ISFINITE, NAN, 0},
        {FF_OP_ISFINITE, 3e38f, 1},     {FF_OP_LOGICAL_NOT, NAN, 0},   {FF_OP_LOGICAL_NOT, -0.0f, 1},
        {FF_OP_MIN_LAST, NAN, NAN},     {FF_OP_MIN_LAST, -INFINITY, -INFINITY}, {FF_OP_MIN_LAST, INFINITY, 0.25f},
        {FF_OP_SOFTMAX, -INFINITY, 0},  {FF_OP_SOFTMAX, 1e4f, 1},      {FF_OP_SOFTMAX, -1e4f, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t at = 0; at < 41; at += 8) {
            const float y = probe(k, rows[i].op, 41, 0.25f, at, rows[i].x);
            CHECK(isnan(rows[i].y) ? isnan(y) : y == rows[i].y, "%s %s(%g) at %zu is %g, not %g", k->isa,
                  OPS[rows[i].op].name, (double)rows[i].x, at, (double)y, (double)rows[i].y);
        }
    for (int op = FF_OP_RELU; op <= FF_OP_SIGN; op++) {
        CHECK(isnan(probe(k, op, 7, 1, 3, NAN)), "%s %s loses nan", k->isa, OPS[op].name);
        if (op == FF_OP_TANH || op == FF_OP_ERF || op == FF_OP_EXPM1 || op == FF_OP_LOG1P)
            CHECK(signbit(probe(k, op, 7, 1, 3, -0.0f)), "%s %s loses the sign of zero", k->isa, OPS[op].name);
    }
    for (int op = FF_OP_ADD; op <= FF_OP_MINIMUM; op++) { /* nan wins on either side */
        float x[2] = {NAN, 1}, z[2] = {1, NAN}, y[2];
        const ff_args a = {.p = {x, z, y}, .d = {2}, .nrows = 1, .r1 = 1};
        k->fn[op](&a);
        CHECK(isnan(y[0]) && isnan(y[1]), "%s %s loses nan", k->isa, OPS[op].name);
    }
    const struct {
        int op;
        float x, z, y;
    } pairs[] = {
        {FF_OP_FMAX, NAN, 1, 1},          {FF_OP_FMIN, 1, NAN, 1},         {FF_OP_FMAX, NAN, NAN, NAN},
        {FF_OP_DIVIDE_NO_NAN, 1, 0, 0},   {FF_OP_DIVIDE_NO_NAN, NAN, 0, 0}, {FF_OP_MOD, -1, 3, 2},
        {FF_OP_MOD, 1, -3, -2},           {FF_OP_MOD, 1, 0, NAN},          {FF_OP_FLOOR_DIVIDE, -1, 3, -1},
        {FF_OP_FLOOR_DIVIDE, 1, 0, INFINITY}, {FF_OP_FMOD, -1, 3, -1},     {FF_OP_NOT_EQUAL, NAN, NAN, 1},
        {FF_OP_EQUAL, NAN, NAN, 0},       {FF_OP_EQUAL, -0.0f, 0, 1},      {FF_OP_LOGICAL_AND, NAN, 2, 1},
        {FF_OP_LOGICAL_XOR, 1, 2, 0},     {FF_OP_LOGADDEXP, INFINITY, INFINITY, INFINITY},
        {FF_OP_LOGADDEXP, -INFINITY, -INFINITY, -INFINITY}, {FF_OP_LOGADDEXP, -INFINITY, 2, 2},
        {FF_OP_LOGADDEXP, NAN, 1, NAN},   {FF_OP_POWER, 0, 0, 1},          {FF_OP_GREATER, NAN, 1, 0},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        float x[1] = {pairs[i].x}, z[1] = {pairs[i].z}, y[1];
        const ff_args a = {.p = {x, z, y}, .d = {1}, .nrows = 1, .r1 = 1};
        k->fn[pairs[i].op](&a);
        CHECK(isnan(pairs[i].y) ? isnan(y[0]) : y[0] == pairs[i].y, "%s %s(%g, %g) is %g, not %g", k->isa,
              OPS[pairs[i].op].name, (double)x[0], (double)z[0], (double)y[0], (double)pairs[i].y);
    }
    check_done("%s edges", k->isa);
}

/* Integers that wrap or have no quotient; places that do not exist set the fault and touch nothing. */
static void integers_and_places(const ff_kernels *k)
{
    const int32_t least = INT32_MIN;
    const int32_t rows[][4] = {/* code, x, z, y */
                               {0, INT32_MAX, 1, least}, {2, least, -1, least}, {5, least, -1, least}, {5, 7, 0, 0},
                               {5, -7, 2, -4},           {6, -7, 2, 1},         {6, least, -1, 0},     {6, 7, 0, 0},
                               {7, -6, 3, 2},            {8, -6, 3, -5},        {9, -6, 3, -7},        {10, 3, 31, least},
                               {10, 3, 32, 0},           {10, 3, -1, 0},        {11, -7, 1, -4},       {11, -7, 32, -1},
                               {11, 7, -1, 0},           {12, -12, 18, 6},      {12, least, 0, least}, {13, -4, 6, 12},
                               {13, 0, 6, 0},            {12, 0, 0, 0},         {13, 0, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int32_t x[1] = {rows[i][1]}, z[1] = {rows[i][2]}, y[1];
        const ff_args a = {.p = {x, z, y}, .d = {1, 0, 0, (size_t)rows[i][0]}, .nrows = 1, .r1 = 1};
        k->fn[FF_OP_INT_BINARY](&a);
        CHECK(y[0] == rows[i][3], "%s int_binary %d of %d and %d is %d", k->isa, rows[i][0], x[0], z[0], y[0]);
    }
    const float reals[] = {NAN, 3e9f, -3e9f, -2.9f};
    const int32_t whole[] = {least, least, least, -2};
    int32_t ints[4];
    k->fn[FF_OP_TO_INT](&(ff_args){.p = {(void *)reals, ints}, .d = {4}, .nrows = 1, .r1 = 1});
    CHECK(!memcmp(ints, whole, sizeof whole), "%s to_int", k->isa);
    const int ops[] = {FF_OP_TAKE, FF_OP_TAKE_GRAD, FF_OP_LOOKUP, FF_OP_LOOKUP_GRAD, FF_OP_IN_TOP_K};
    /* a label that no class has is no hit, and no fault */
    const int32_t outside[] = {5, -6, INT32_MAX, INT32_MIN};
    for (size_t o = 0; o < sizeof ops / sizeof *ops; o++)
        for (int i = 0; i < 4; i++) {
            uint32_t fault = 0;
            const ff_step step = {.batch = 1, .fault = &fault};
            check_buffer x = check_alloc(20, 4), y = check_alloc(20, 4);
            int32_t index[1] = {outside[i]};
            const ff_args a = {.p = {x.p, index, y.p}, .d = {5, 1}, .nrows = 1, .r1 = 1, .step = &step, .k = k};
            k->fn[ops[o]](&a);
            const int hit = ops[o] == FF_OP_IN_TOP_K;
            CHECK(hit ? fault == 0 && ((const float *)y.p)[0] == 0.0f : fault == 1, "%s %s: place %d is no fault", k->isa, OPS[ops[o]].name, outside[i]);
            check_free(&x, "place outside");
            check_free(&y, "place outside");
        }
    check_done("%s integers and places", k->isa);
}

/* Losses of extreme logits; labels that lead outside; ties and nan in argmax. */
static void losses(const ff_kernels *k)
{
    float z[40], p[40], l[1] = {0}, y[1];
    int32_t t[1];
    const size_t n = 20;
    for (size_t i = 0; i < n; i++) z[i] = -1e4f;
    z[7] = 1e4f;
    ff_args a = {.p = {z, t, p, l}, .d = {n}, .nrows = 1, .r1 = 1};
    t[0] = 7;
    k->fn[FF_OP_SOFTMAX_CE](&a);
    CHECK(l[0] == 0 && p[7] == 1 && p[6] == 0, "%s softmax_ce of a sure hit: %g", k->isa, (double)l[0]);
    t[0] = 3;
    k->fn[FF_OP_SOFTMAX_CE](&a);
    CHECK(l[0] == 2e4f, "%s softmax_ce of a sure miss: %g", k->isa, (double)l[0]);
    const int32_t outside[] = {-1, 20, INT32_MAX, INT32_MIN};
    for (int i = 0; i < 4; i++) {
        check_buffer b[3] = {check_alloc(80, 4), check_alloc(80, 4), check_alloc(80, 4)};
        memcpy(b[0].p, z, 80);
        t[0] = outside[i];
        a = (ff_args){.p = {b[0].p, t, b[1].p, l}, .d = {n}, .nrows = 1, .r1 = 1};
        k->fn[FF_OP_SOFTMAX_CE](&a);
        a = (ff_args){.p = {b[1].p, t, l, b[2].p}, .d = {n}, .nrows = 1, .r1 = 1};
        k->fn[FF_OP_SOFTMAX_CE_GRAD](&a);
        for (int j = 0; j < 3; j++) check_free(&b[j], "label outside");
    }
    a = (ff_args){.p = {z, t, y}, .d = {n}, .nrows = 1, .r1 = 1};
    for (int with_nan = 0; with_nan < 2; with_nan++) {
        z[12] = z[7] = with_nan ? NAN : 1e4f; /* twice: the first counts */
        for (t[0] = -1; t[0] < 21; t[0]++) {
            k->fn[FF_OP_HIT_SPARSE](&a);
            CHECK(y[0] == (t[0] == 7), "%s hit_sparse, label %d", k->isa, t[0]);
        }
    }
    check_done("%s losses", k->isa);
}

int main(void)
{
    for (int i = 0; check_table(i); i++) {
        const ff_kernels *const k = check_table(i);
        table(k);
        for (size_t r = 0; r < sizeof REFERENCES / sizeof *REFERENCES; r++) one_op(k, &REFERENCES[r]);
        edges(k);
        integers_and_places(k);
        losses(k);
    }
    return check_exit();
}
