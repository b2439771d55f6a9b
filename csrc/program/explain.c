/* The listing of a program, for people. */
#include <stdarg.h>
#include <stdio.h>

#include "program.h"

typedef struct sink {
    char *text;
    size_t size, used;
} sink;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void put(sink *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const size_t left = s->used < s->size ? s->size - s->used : 0;
    const int n = vsnprintf(left ? s->text + s->used : NULL, left, format, args);
    va_end(args);
    if (n > 0) s->used += (size_t)n;
}

static void put_operand(sink *s, const ff_operand o)
{
    static const char *const kinds[FF_OPERAND_KINDS] = {"-", "slot", "var", "source", "sink"};
    if (o.kind == FF_NONE) put(s, " -");
    else put(s, " %s%u", kinds[o.kind], o.index);
}

static double instr_flops(const ff_instr *in, size_t batch) { return ff_op_flops(ff_op_get(in->op), in, batch); }

static double instr_bytes(const ff_program *p, const ff_instr *in, size_t batch)
{
    const ff_op_info *const info = ff_op_get(in->op);
    double bytes = 0;
    for (size_t k = 0; k < in->count; k++) {
        ff_spec spec;
        if (in->p[k].kind == FF_NONE || !ff_operand_spec(info, in, k, p->engine->kernels->nr, &spec)) continue;
        const double count = (double)spec.per_row * (double)(in->row_mul * batch + in->row_fix) + (double)spec.fixed;
        bytes += count * (spec.type == 'd' ? 8 : 4) * (spec.mode == '=' ? 2 : 1);
    }
    return bytes;
}

size_t ff_program_explain(const ff_program *p, size_t batch, char *text, size_t size)
{
    sink s = {text, size, 0};
    const ff_program_desc *const d = &p->desc;
    double flops = 0;
    for (size_t i = 0; i < d->n_instrs; i++) flops += instr_flops(&d->instrs[i], batch);
    put(&s, "program: batch %zu, %zu stages, %zu instructions, %.4g MFLOP, arena %llu + %llu per row + %llu per row^2 + %llu per tile row bytes, isa %s\n",
        batch, d->n_stages, d->n_instrs, flops / 1e6, (unsigned long long)d->arena[0], (unsigned long long)d->arena[1],
        (unsigned long long)d->arena[2], (unsigned long long)d->arena[FF_TILE], p->engine->kernels->isa);
    for (size_t st = 0; st < d->n_stages; st++) {
        put(&s, "stage %zu%s", st, st == d->commit ? " (commit)" : "");
        if (d->when[st].period > 1) {
            put(&s, " in every %llu. step", (unsigned long long)d->when[st].period);
            if (d->when[st].divide > 1) put(&s, " of %llu", (unsigned long long)d->when[st].divide);
        }
        put(&s, "\n");
        for (size_t g = d->stages[st]; g < d->stages[st + 1]; g++) {
            const ff_group *const group = &d->groups[g];
            put(&s, "  tiles of");
            if (group->row_block) put(&s, " %llu rows", (unsigned long long)group->row_block);
            if (group->unit_block) put(&s, " %llu/%llu units", (unsigned long long)group->unit_block, (unsigned long long)group->units);
            if (group->k_block) put(&s, " %llu/%llu weight rows", (unsigned long long)group->k_block, (unsigned long long)group->ks);
            if (!group->row_block && !group->unit_block && !group->k_block) put(&s, " everything");
            put(&s, "\n");
            for (size_t i = group->begin; i < group->end; i++) {
                const ff_instr *const in = &d->instrs[i];
                put(&s, "    %3zu %-18s", i, ff_op_get(in->op)->name);
                for (size_t k = 0; k < in->count; k++) put_operand(&s, in->p[k]);
                put(&s, " | %llu", (unsigned long long)in->d[0]);
                int last = FF_MAX_DIMS - 1;
                while (last > 0 && in->d[last] == 0) last--;
                for (int k = 1; k <= last; k++) put(&s, " %llu", (unsigned long long)in->d[k]);
                put(&s, " | rows %llu", (unsigned long long)(in->row_mul * batch + in->row_fix));
                put(&s, " | %.4g FLOP %.4g B%s\n", instr_flops(in, batch), instr_bytes(p, in, batch),
                    ff_op_get(in->op)->flags & FF_CALLBACK ? " | HOST" : "");
            }
        }
    }
    return s.used;
}
