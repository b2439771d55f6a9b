"""The functions of ``keras.ops.linalg``."""

from fastfit.ops.algebra import (  # noqa: F401
    cholesky,
    cholesky_inverse,
    det,
    eig,
    eigh,
    inv,
    lstsq,
    lu_factor,
    matrix_rank,
    norm,
    pinv,
    qr,
    solve,
    solve_triangular,
    svd,
)
from fastfit.ops.transforms import jvp  # noqa: F401
