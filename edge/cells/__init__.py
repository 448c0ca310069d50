"""Cells: where entities live, in this process or in a Ray actor behind a socket, with one contract for both.

    engine ─► house ─┬─► local ─► actors.cell.Cell                          in this process
                     └─► remote ═ frames ═► server ─► actors.cell.Cell      inside a Ray actor
              house ─► supervisor ═ orders ═► ray_host (a child process) ─► Ray: places, starts, restarts, watches

house        moves each cell between here and Ray; the engine sees a life per cell and nothing else
supervisor   keeps the child running, and leaves no process behind when it ends
ray_host     Ray's driver, the only module of the edge that imports Ray; the engine never does
processes, home   what is ours among the processes and folders of this machine
"""

from edge.cells.house import ACCOUNT_CELL, CellHouse, Place
from edge.cells.supervisor import Pace

__all__ = ["ACCOUNT_CELL", "CellHouse", "Pace", "Place"]
