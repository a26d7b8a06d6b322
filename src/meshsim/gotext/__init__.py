"""Go values as text: ``fmt``, ``encoding/json`` and ``text/template`` as Docker's programs use them.

Read in this order: ``values`` (structs, times, durations, pointers; JSON), ``printing`` (``%v`` and
``printf``), ``lexer`` and ``tree`` (a template's text to nodes), ``functions``, ``template`` (nodes and a
value to text). Knows Go and nothing of Docker but the functions ``--format`` adds.

>>> port = GoType("swarm.PortConfig", "Name?:str TargetPort?:int")
>>> Template("{{.TargetPort}} {{.}}").render(port(TargetPort=80))
'80 { 80}'
"""

from __future__ import annotations

from meshsim.gotext.functions import BUILT_INS, FUNCTIONS, HEADER_FUNCTIONS, Function
from meshsim.gotext.template import Template
from meshsim.gotext.values import Duration, GoType, Pointer, Struct, Time, go_map, json_text, to_json

__all__ = [
    "BUILT_INS",
    "FUNCTIONS",
    "HEADER_FUNCTIONS",
    "Duration",
    "Function",
    "GoType",
    "Pointer",
    "Struct",
    "Template",
    "Time",
    "go_map",
    "json_text",
    "to_json",
]
