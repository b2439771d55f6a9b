/* The op table as data: operands, sizes and facts from the texts of its rows. */
#include <string.h>

#include "program.h"

static const ff_op_info ops[FF_OP_COUNT] = {
#define FF_OP(ID, name, shape, flags, scratch, operands, facts, doc) \
    [FF_OP_##ID] = {#name, operands, facts, doc, FF_SHAPE_##shape, flags, 'o', 0},
#define FF_OPT(ID, name, slots, doc) \
    [FF_OP_##ID] = {#name, "g<f:a w=f:a s0?=f:a s1?=f:a s2?=f:a", "b:variant", doc, FF_SHAPE_WHOLE, 0, 'p', slots},
#define FF_UNARY(ID, name, doc) [FF_OP_##ID] = {#name, "x<f:ra y>f:ra", "", doc, FF_SHAPE_ROWS, FF_INPLACE, 'u', 0},
#define FF_BINARY(ID, name, doc) \
    [FF_OP_##ID] = {#name, "x<f:m z<f:n y>f:ra", "b:broadcast c:broadcast", doc, FF_SHAPE_ROWS, FF_INPLACE, 'b', 0},
#include "../include/ff_ops.inc"
#undef FF_OP
#undef FF_OPT
#undef FF_UNARY
#undef FF_BINARY
};

size_t ff_op_count(void) { return FF_OP_COUNT; }
const ff_op_info *ff_op_get(size_t id) { return id > 0 && id < FF_OP_COUNT ? &ops[id] : NULL; }

/* ---- codes ---- */

#define FF_NAME_OF(id, name, n) #name,
#define FF_LIST(name, LIST) static const char *const names_##name[] = {LIST(FF_NAME_OF) NULL};
FF_CODES(FF_LIST)
#undef FF_LIST

static const struct {
    const char *name;
    const char *const *codes;
    size_t count;
} lists[] = {
#define FF_LIST(name, LIST) {#name, names_##name, FF_COUNT_##name},
    FF_CODES(FF_LIST)
#undef FF_LIST
};
enum { LISTS = sizeof lists / sizeof lists[0] };

const char *ff_code_list(size_t index) { return index < LISTS ? lists[index].name : NULL; }

static size_t list_named(const char *name, size_t length)
{
    size_t i = 0;
    while (i < LISTS && (strlen(lists[i].name) != length || memcmp(lists[i].name, name, length) != 0)) i++;
    return i;
}

const char *const *ff_code_names(const char *list)
{
    const size_t i = list_named(list, strlen(list));
    return i < LISTS ? lists[i].codes : NULL;
}

size_t ff_code_count(const char *name, size_t length)
{
    const size_t i = list_named(name, length);
    return i < LISTS ? lists[i].count : 0;
}

/* ---- texts of a row ---- */

static const char *next_word(const char *c)
{
    c += strcspn(c, " ");
    return c + (*c == ' ');
}

static const char *word_at(const char *c, size_t index)
{
    for (; index > 0 && *c; index--) c = next_word(c);
    return c;
}

size_t ff_operand_count(const ff_op_info *info)
{
    size_t n = 0;
    for (const char *c = info->operands; *c; c = next_word(c)) n++;
    return n;
}

size_t ff_operand_find(const ff_op_info *info, const char *name, size_t length)
{
    size_t n = 0;
    for (const char *c = info->operands; *c; c = next_word(c), n++)
        if (strcspn(c, "?<>=") == length && memcmp(c, name, length) == 0) return n;
    return FF_NOWHERE;
}

/* Without wrapping: what overflows is larger than any buffer. */
uint64_t ff_times(uint64_t a, uint64_t b) { return b && a > UINT64_MAX / b ? UINT64_MAX : a * b; }
uint64_t ff_plus(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

int ff_operand_spec(const ff_op_info *info, const ff_instr *in, size_t index, size_t nr, ff_spec *spec)
{
    const char *c = word_at(info->operands, index);
    if (!*c) return 0;
    c += strcspn(c, "?<>=");
    spec->optional = *c == '?';
    if (*c == '?') c++;
    spec->mode = *c++;
    spec->type = *c++;
    c++; /* ':' */
    uint64_t n = 1;
    int rows = 0;
    for (; *c && *c != ' '; c++) {
        const char f = *c;
        if (f == 'm' || f == 'n') {
            const uint64_t broadcast = in->d[f == 'm' ? 1 : 2];
            rows = broadcast == FF_BROADCAST_FULL || broadcast == FF_BROADCAST_COLUMN;
            n = broadcast <= FF_BROADCAST_ROW ? in->d[0] : 1;
        } else if (f == 'r') {
            rows = 1;
        } else if (f == 'P') {
            n = ff_times(n, ff_times(in->d[0], ff_times((in->d[1] + nr - 1) / nr, nr)));
        } else if (f >= 'a' && f <= 'h') {
            n = ff_times(n, in->d[f - 'a']);
        }
    }
    spec->per_row = rows ? n : 0;
    spec->fixed = rows ? 0 : n;
    return 1;
}

/* The text behind KEY= where a fact begins with it, else NULL. */
static const char *after(const char *fact, const char *key)
{
    const size_t n = strlen(key);
    return strncmp(fact, key, n) == 0 ? fact + n : NULL;
}

static size_t dimension(char letter) { return letter >= 'a' && letter <= 'h' ? (size_t)(letter - 'a') : FF_NOWHERE; }

/* Is this NAME:... of a dimension, or of what a dimension is? */
static int is_named(const char *fact, const char *name)
{
    const size_t n = strlen(name);
    return fact[1] == ':' && strncmp(fact + 2, name, n) == 0 && (fact[2 + n] == ' ' || fact[2 + n] == 0);
}

ff_facts ff_op_facts(const ff_op_info *info)
{
    ff_facts f = {.units = 1, .weights = FF_NOWHERE, .activation = FF_NOWHERE, .variant = FF_NOWHERE, .gradient = FF_NOWHERE,
                  .counter = FF_NOWHERE, .host = FF_NOWHERE, .dtype = FF_NOWHERE, .blocks = FF_NOWHERE, .flops = "ra"};
    for (const char *c = info->facts, *v; *c; c = next_word(c)) {
        if ((v = after(c, "units="))) f.units = dimension(*v);
        else if ((v = after(c, "weights="))) f.weights = dimension(*v);
        else if ((v = after(c, "flops="))) f.flops = v;
        else if ((v = after(c, "blocks="))) {
            const size_t n = strcspn(v, ":");
            f.blocks = ff_operand_find(info, v, n);
            f.block_weights = dimension(v[n + 1]);
            f.block_floats = dimension(v[n + 3]);
            f.block_rows = dimension(v[n + 5]);
        }
        else if (is_named(c, "activation")) f.activation = dimension(*c);
        else if (is_named(c, "variant")) f.variant = dimension(*c);
        else if (is_named(c, "gradient")) f.gradient = dimension(*c);
        else if (is_named(c, "counter")) f.counter = dimension(*c);
        else if (is_named(c, "host")) f.host = dimension(*c);
        else if (is_named(c, "dtype")) f.dtype = dimension(*c);
    }
    return f;
}

int ff_updates(const ff_facts *facts, const ff_instr *in)
{
    return facts->variant != FF_NOWHERE && (facts->gradient == FF_NOWHERE || in->d[facts->gradient] == FF_GRADIENT_UPDATE);
}

double ff_op_flops(const ff_op_info *info, const ff_instr *in, size_t batch)
{
    double n = 1;
    for (const char *c = ff_op_facts(info).flops; *c && *c != ' '; c++) {
        if (*c == 'r') n *= (double)(in->row_mul * batch + in->row_fix);
        else if (*c >= '0' && *c <= '9') n *= *c - '0';
        else n *= (double)in->d[*c - 'a'];
    }
    return n;
}

/* A sum of dimensions and numbers at *c, which moves behind it. */
static uint64_t sum_at(const char **c, const uint64_t *d)
{
    uint64_t sum = 0;
    for (;; ++*c) {
        if (**c >= 'a' && **c <= 'h') sum = ff_plus(sum, d[*(*c)++ - 'a']);
        else
            for (uint64_t n = 0;; n = n * 10 + (uint64_t)(*(*c)++ - '0'))
                if (**c < '0' || **c > '9') {
                    sum = ff_plus(sum, n);
                    break;
                }
        if (**c != '+') return sum;
    }
}

const char *ff_broken_fact(const ff_op_info *info, const ff_instr *in, size_t *length)
{
    for (const char *fact = info->facts; *fact; fact = next_word(fact)) {
        const char *c = fact;
        *length = strcspn(fact, " ");
        const char *const bar = memchr(fact, '|', *length);
        if (bar) {
            const size_t k = ff_operand_find(info, fact, (size_t)(bar - fact));
            if (k >= in->count || in->p[k].kind == FF_NONE) c = bar + 1;
            else continue;
        } else if (c[1] == ':' || after(c, "units=") || after(c, "weights=") || after(c, "flops=") || after(c, "blocks=")) {
            continue; /* what something is */
        }
        const uint64_t left = sum_at(&c, in->d);
        const int less = *c == '<', equal = c[less] == '=';
        c += less + equal;
        const uint64_t right = sum_at(&c, in->d);
        if (!((less && left < right) || (equal && left == right))) return fact;
    }
    return NULL;
}
