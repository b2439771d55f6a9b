/* Constants of the optimizers' updates, in float64 and then rounded once, but for what
 * Keras computes in float32. */
#include <float.h>
#include <math.h>
#include "kernels.h"

/* Never 0: elements whose gradient was always 0 (the padding of panels among them)
 * would become 0 / 0. */
static float epsilon(double e) { return e > FLT_MIN ? (float)e : FLT_MIN; }

/* Keras takes the powers of float32 betas: 1 - 0.999f is 1.3e-5 off 0.001, which moves the
 * first steps by half of that, and curves must be the same. */
static float bias_corrected(double learning_rate, double beta_1, double beta_2, int64_t t)
{
    const float p1 = (float)pow((float)beta_1, (double)t), p2 = (float)pow((float)beta_2, (double)t);
    return (float)learning_rate * sqrtf(1.0f - p2) / (1.0f - p1);
}

/* 1 - beta^t and 1 - beta, of a float32 beta as above */
static float power_left(double beta, int64_t t) { return 1.0f - (float)pow((float)beta, (double)t); }
static float left(double beta) { return 1.0f - (float)beta; }

/* The share of the old momentum at step t: beta_1 grows from a half of itself. */
static float nadam_momentum(double beta_1, int64_t t)
{
    return (float)beta_1 * (1.0f - 0.5f * (float)pow(0.96f, (double)t));
}

/* h[0] is the weight decay; then, as the Keras classes name them,
 *   momentum, nesterov   momentum
 *   rmsprop*             rho, momentum, epsilon
 *   adam*, amsgrad, nadam beta_1, beta_2, epsilon
 *   adagrad              epsilon
 *   adadelta             rho, epsilon
 *   ftrl*                -learning_rate_power, l1, l2, l2_shrinkage, beta
 *   lion                 beta_1, beta_2
 *   schedule_free        beta_1, beta_2, epsilon, warmup_steps
 *   average              momentum
 * c[0..7] are those of the formulas in ff_ops.inc; where a formula says 1 - c1 or 1 - c2,
 * that is in c[4] or c[5].
 * Source: keras optimizers, update_step of each. */
void ff_opt_prep(int op, const double *h, double learning_rate, int64_t t, float state, float c[FF_OPT_CONSTS])
{
    for (int i = 0; i < FF_OPT_CONSTS; i++) c[i] = 0.0f;
    c[0] = (float)learning_rate;
    c[FF_OPT_DECAY] = (float)(h[0] * learning_rate);
    c[FF_OPT_STATE] = state;
    switch (op) {
    case FF_OP_MOMENTUM:
    case FF_OP_NESTEROV:
        c[1] = (float)h[1];
        break;
    case FF_OP_RMSPROP:
    case FF_OP_RMSPROP_MOM:
    case FF_OP_RMSPROP_CEN:
    case FF_OP_RMSPROP_CENMOM:
        c[1] = (float)h[1];
        c[2] = epsilon(h[3]);
        c[3] = (float)h[2];
        c[4] = (float)(1.0 - h[1]);
        break;
    case FF_OP_ADAM:
    case FF_OP_AMSGRAD:
        c[0] = bias_corrected(learning_rate, h[1], h[2], t);
        c[1] = (float)h[1];
        c[2] = (float)h[2];
        c[3] = epsilon(h[3]);
        c[4] = (float)(1.0 - h[1]);
        c[5] = (float)(1.0 - h[2]);
        break;
    case FF_OP_ADAMAX:
        c[0] = (float)learning_rate / power_left(h[1], t);
        c[2] = (float)h[2];
        c[3] = epsilon(h[3]);
        c[4] = (float)(1.0 - h[1]);
        break;
    case FF_OP_NADAM: {
        const float now = nadam_momentum(h[1], t), next = nadam_momentum(h[1], t + 1);
        const float product = state * now;
        c[FF_OPT_STATE] = product;
        c[0] = (float)learning_rate * next / (1.0f - product * next);
        c[1] = (float)learning_rate * (1.0f - now) / (1.0f - product);
        c[2] = 1.0f / power_left(h[2], t);
        c[3] = epsilon(h[3]);
        c[4] = left(h[1]);
        c[5] = left(h[2]);
        break;
    }
    case FF_OP_ADAGRAD:
        c[2] = epsilon(h[1]);
        break;
    case FF_OP_ADADELTA:
        c[1] = (float)h[1];
        c[2] = epsilon(h[2]);
        c[4] = (float)(1.0 - h[1]);
        break;
    case FF_OP_FTRL:
    case FF_OP_FTRL_POWER:
        c[0] = (float)(1.0 / learning_rate);
        c[1] = (float)h[2];
        c[2] = (float)(2.0 * h[3] + h[5] / learning_rate);
        c[3] = (float)(2.0 * h[4]);
        c[4] = (float)h[1];
        c[5] = h[1] == 0.0 ? 1.0f : 0.0f;
        break;
    case FF_OP_LION:
        c[1] = (float)h[1];
        c[2] = (float)h[2];
        c[3] = left(h[1]);
        c[4] = left(h[2]);
        break;
    case FF_OP_SCHEDULE_FREE: {
        const double warm = h[4] > 0 && (double)t < h[4] ? (double)t / h[4] : 1.0, share = 1.0 / (double)t;
        c[0] = (float)(learning_rate * warm);
        c[2] = 1.0f / power_left(h[2], t);
        c[3] = epsilon(h[3]);
        c[4] = left(h[1]);
        c[5] = left(h[2]);
        c[6] = c[4] + (float)h[1] * (float)share;
        c[7] = 1.0f - (float)share;
        break;
    }
    case FF_OP_AVERAGE: /* the first average is the value itself */
        c[1] = t == 1 ? 0.0f : (float)h[1];
        c[0] = 1.0f - c[1];
        break;
    default:
        break;
    }
}
