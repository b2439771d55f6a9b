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

/* h[0] is the weight decay; then, as the Keras classes name them,
 *   momentum, nesterov   momentum
 *   rmsprop*             rho, momentum, epsilon
 *   adam, amsgrad        beta_1, beta_2, epsilon
 * c[0..3] are those of the formulas in ff_ops.inc, c[4] = 1 - c[1], c[5] = 1 - c[2],
 * c[7] the factor by which weights decay first.
 * Source: keras optimizers sgd.py, rmsprop.py, adam.py update_step. */
void ff_opt_prep(int op, const double *h, double learning_rate, int64_t t, float c[FF_OPT_CONSTS])
{
    for (int i = 0; i < FF_OPT_CONSTS; i++) c[i] = 0.0f;
    c[0] = (float)learning_rate;
    c[7] = (float)(h[0] * learning_rate);
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
    default:
        break;
    }
}
