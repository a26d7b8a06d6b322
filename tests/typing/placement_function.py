"""A user's own whole placement function type-checks, as a function and as an object with a call."""

from __future__ import annotations

from meshsim.placement import Board, PlacementFunction, Placer, swarm_placement


def pack(board: Board) -> None:
    for node in board.nodes:
        while board.waiting and board.fits(node):
            board.assign(node)


class PackUpTo:
    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(self, board: Board) -> None:
        for node in board.nodes:
            while board.waiting and node.total < self.most and board.fits(node):
                board.assign(node)
        swarm_placement(board)


def too_much(board: Board, more: int) -> None: ...


function: PlacementFunction = pack
Placer(placement=pack)
Placer(placement=PackUpTo(3))
Placer(placement=too_much)  # type: ignore[arg-type]
