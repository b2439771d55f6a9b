"""The functions of ``keras.ops.linalg``."""


__all__ = (
    "cholesky cholesky_inverse det eig eigh inv jvp lstsq lu_factor matrix_rank norm pinv qr solve "
    "solve_triangular svd "
).split()
