"""Traced steps to native programs."""

from fastfit.compiler.compile import Compiled, compile_program

__all__ = ["Compiled", "compile_program"]
