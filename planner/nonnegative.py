"""Least squares with all unknowns 0 or more, for a handful of unknowns."""

from itertools import combinations

import numpy as np

from planner.lengths import FloatArray


def solve(matrix: FloatArray, values: FloatArray) -> FloatArray:
    """The x >= 0 with the least |matrix x - values|.

    Every subset of the columns is solved freely; the best of those without a
    negative is the answer, since the unknowns that are positive in it solve
    their own free problem. 2^n solutions: meant for the four of a step time.
    """
    unknowns = matrix.shape[1]
    # Columns in one unit, so that none is lost to rounding.
    lengths = np.linalg.norm(matrix, axis=0)
    scaled = matrix / np.where(lengths > 0, lengths, 1.0)
    best, least = np.zeros(unknowns), float(values @ values)
    for size in range(1, unknowns + 1):
        for chosen in combinations(range(unknowns), size):
            columns = list(chosen)
            found = np.linalg.lstsq(scaled[:, columns], values, rcond=None)[0]
            if (found < 0).any():
                continue
            residual = scaled[:, columns] @ found - values
            if (square := float(residual @ residual)) < least:
                best, least = np.zeros(unknowns), square
                best[columns] = found
    return best / np.where(lengths > 0, lengths, 1.0)
