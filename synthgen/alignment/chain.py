"""Linear systems of a chain: each block of unknowns is coupled with its neighbours and with a few shared unknowns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular

from synthgen.alignment.solver import Array


@dataclass(frozen=True)
class Chain:
    """A symmetric positive definite system of N blocks of F unknowns and S shared ones.

    blocks: (N, F, F), the diagonal; beside: (N - 1, F), the diagonals of the blocks beside it; border: (N, F, S),
    between blocks and shared unknowns; shared: (S, S).
    """

    blocks: Array
    beside: Array
    border: Array
    shared: Array

    def times(self, step: Array, common: Array) -> tuple[Array, Array]:
        """The system times unknowns (N, F) and shared ones (S,)."""
        product = (self.blocks @ step[..., None])[..., 0] + self.border @ common
        product[1:] += self.beside * step[:-1]
        product[:-1] += self.beside * step[1:]
        return product, np.einsum("nfs,nf->s", self.border, step) + self.shared @ common

    def held(self, free: NDArray[np.bool_], free_common: NDArray[np.bool_]) -> "Chain":
        """The system of the free unknowns alone: the others stand for themselves."""
        blocks = np.where(free[:, :, None] & free[:, None, :], self.blocks, 0.0)
        numbers = np.arange(free.shape[1])
        blocks[:, numbers, numbers] += ~free
        beside = np.where(free[1:] & free[:-1], self.beside, 0.0)
        border = np.where(free[:, :, None] & free_common, self.border, 0.0)
        shared = np.where(free_common[:, None] & free_common, self.shared, 0.0) + np.diag((~free_common).astype(float))
        return Chain(blocks, beside, border, shared)

    def solve(self, right: Array, common: Array) -> tuple[Array, Array]:
        """Unknowns (N, F) and shared ones (S,) of right sides (N, F) and (S,).

        Block Cholesky along the chain, the shared unknowns by their Schur complement: N (F^3 + F^2 S), not (N F + S)^3.
        Raises LinAlgError when the system is not positive definite.
        """
        sides = np.concatenate([right[..., None], self.border], axis=-1)
        reduced = _solve_blocks(self.blocks, self.beside, sides)
        if not len(common):
            return reduced[..., 0], common
        schur = self.shared - np.einsum("nfs,nft->st", self.border, reduced[..., 1:])
        rest = common - np.einsum("nfs,nf->s", self.border, reduced[..., 0])
        found = cho_solve(cho_factor(schur, lower=True), rest)
        return reduced[..., 0] - reduced[..., 1:] @ found, found


def _solve_blocks(blocks: Array, beside: Array, sides: Array) -> Array:
    """(N, F, R) solutions of the block-tridiagonal system for right sides (N, F, R)."""
    factors: list[Array] = []
    links: list[Array] = []
    forward: list[Array] = []
    for n, block in enumerate(blocks):
        side = sides[n]
        if n:
            link = solve_triangular(factors[-1], np.diag(beside[n - 1]), lower=True)  # L[n-1]^-1 B
            block = block - link.T @ link
            side = side - link.T @ forward[-1]
            links.append(link)
        factors.append(cholesky(block, lower=True))
        forward.append(solve_triangular(factors[-1], side, lower=True))
    found = [solve_triangular(factors[-1], forward[-1], lower=True, trans="T")]
    for factor, link, side in zip(factors[-2::-1], links[::-1], forward[-2::-1]):
        found.append(solve_triangular(factor, side - link @ found[-1], lower=True, trans="T"))
    return np.stack(found[::-1])
