"""Looking into network namespaces: ``nsenter``, ``ls``, ``ip``, ``ipvsadm``, ``iptables``.

Room shell, tools. In: the words of the command and a place. Out: text and exit code. Rule of this file: it
reads options and prints what the data plane shows; it computes no fact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from meshsim.cluster.programs import ProgramResult
from meshsim.dataplane import ip_addr, ip_route, table_of
from meshsim.dataplane import iptables as iptables_rules
from meshsim.dataplane import iptables_list as iptables_table
from meshsim.errors import BadValue, NotModelled
from meshsim.ipvs import Table, texts
from meshsim.shell.tools.place import Place

__all__ = ["ip", "iptables", "ipvsadm", "ls", "nsenter"]

#: where the engine keeps the namespaces; the first is a link to the second
NETNS = ("/var/run/docker/netns", "/run/docker/netns")
_NO_FILES = f"meshsim models no files but those in {NETNS[0]}"


def nsenter(
    args: Sequence[str], place: Place, run: Callable[[Sequence[str], Place], ProgramResult]
) -> ProgramResult:
    """Run ``nsenter --net=FILE COMMAND`` or ``nsenter -t PID -n COMMAND``.

    Source: util-linux sys-utils/nsenter.c.
    """
    words, path, pid, net = list(args), "", "", False
    while words and words[0].startswith("-"):
        word = words.pop(0)
        key, given, value = word.partition("=")
        if key in ("--net", "-n"):
            path, net = value, True
        elif key in ("-t", "--target") and (given or words):
            pid = value if given else words.pop(0)
        else:
            raise NotModelled(f"nsenter {word} is not modelled, only --net=FILE and -t PID -n are")
    if not net or not (path or pid):
        raise NotModelled("only nsenter --net=FILE and nsenter -t PID -n are modelled")
    if not words:
        raise NotModelled("nsenter without a command, which starts a shell, is not modelled")
    path = path or f"/proc/{pid}/ns/net"
    there = place.entered(path)
    if there is None:
        return ProgramResult(stderr=f"nsenter: cannot open {path}: No such file or directory\n", exit_code=1)
    return run(words, there)


def ls(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ``ls`` on the engine's folder of network namespaces, the only one there is."""
    wanted = [word for word in args if not word.startswith("-")]
    for word in args:
        if word.startswith("-") and word not in ("-1", "-d"):
            raise NotModelled(f"ls {word} is not modelled")
    if not wanted:
        raise NotModelled(f"ls without a path is not modelled: say ls {NETNS[0]}")
    shown, missing = "", ""
    for path in wanted:
        folder, _, name = path.rstrip("/").rpartition("/")
        if path.rstrip("/") in NETNS and place.namespaces and "-d" not in args:
            shown += "".join(f"{one}\n" for one in place.namespaces)
        elif (folder in NETNS and name in place.namespaces) or (path in NETNS and place.namespaces):
            shown += f"{path}\n"
        else:
            why = "No such file or directory" if path.startswith(NETNS) else _NO_FILES
            missing += f"ls: cannot access '{path}': {why}\n"
    return ProgramResult(shown, missing, 2 if missing else 0)


def ip(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ``ip addr``, ``ip -br addr`` or ``ip route``."""
    words = [word for word in args if word not in ("show", "list", "ls", "-4")]
    brief = "-br" in words or "-brief" in words
    words = [word for word in words if word not in ("-br", "-brief")]
    if words in (["a"], ["addr"], ["address"]):
        busybox = place.flavour == "busybox"
        return ProgramResult(ip_addr(place.network, brief=brief and not busybox, busybox=busybox))
    if words in (["r"], ["route"]) and not brief:
        return ProgramResult(ip_route(place.network))
    raise NotModelled(f"{' '.join(('ip', *args))} is not modelled, only ip addr and ip route are")


# -- ipvsadm

#: what is listed, by option -> its text of a table and whether the kernel's order is asked for
_LISTS: dict[str, Callable[[Table, bool], str]] = {
    "": lambda table, nosort: texts.listing(table, nosort=nosort),
    "--stats": lambda table, nosort: texts.stats_list(table, nosort=nosort),
    "--thresholds": lambda table, nosort: texts.threshold_list(table, nosort=nosort),
    "--persistent-conn": lambda table, nosort: texts.persistent_list(table, nosort=nosort),
    "--connection": lambda table, _: texts.connection_list(table),
    "--timeout": lambda table, _: texts.timeout_line(table),
    "--save": lambda table, _: texts.save(table),
}
_LONG = {"--list": "L", "--numeric": "n", "--connection": "c", "--save": "S"}


def ipvsadm(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ``ipvsadm -Ln`` with ``--nosort``, ``-c``, ``--stats`` ..., or ``-Sn``.

    Source: ipvsadm 1.31 ipvsadm.c parse_options.
    """
    letters, kind, nosort = "", "", False
    for word in args:
        if word in _LONG:
            letters += _LONG[word]
        elif word == "--nosort":
            nosort = True
        elif word == "--sort":
            nosort = False
        elif word in _LISTS and word:
            kind = word
        elif word.startswith("-") and not word.startswith("--") and set(word[1:]) <= set("LlncS"):
            letters += word[1:].replace("l", "L")
        else:
            raise NotModelled(f"ipvsadm {word} is not modelled: tables are only listed here")
    if letters and not set("LS") & set(letters):
        raise NotModelled(f"ipvsadm {' '.join(args)} is not modelled: say ipvsadm -Ln")
    if "c" in letters:
        kind = "--connection"
    elif "S" in letters:
        kind = "--save"
    if kind != "--timeout" and "n" not in letters:
        raise NotModelled("ipvsadm looks names up unless told -n, which is not modelled: say ipvsadm -Ln")
    return ProgramResult(_LISTS[kind](table_of(place.network), nosort))


# -- iptables

_TABLE = ("-t", "--table")
_ACTIONS = {"--list-rules": "S", "--list": "L"}


def iptables(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ``iptables -t TABLE -S [CHAIN]`` or ``-nL [CHAIN]``.

    Source: iptables iptables/xshared.c do_parse.
    """
    words, table, chain, letters, numbers = list(args), "filter", "", "", False
    while words:
        word = words.pop(0)
        key, given, value = word.partition("=")
        if key in _TABLE and (given or words):
            table = value if given else words.pop(0)
        elif word == "--line-numbers":
            numbers = True
        elif word in _ACTIONS or word == "--numeric":
            letters += _ACTIONS.get(word, "n")
        elif word.startswith("-") and word[1:] and set(word[1:]) <= set("SLnvw"):
            letters += word[1:].replace("w", "")
        elif not word.startswith("-") and not chain:
            chain = word
        else:
            raise NotModelled(f"iptables {word} is not modelled: rules are only listed here")
    if "v" in letters:
        raise NotModelled("iptables -v counts packets, which is not modelled: leave -v out")
    try:
        if "S" in letters:
            return ProgramResult(iptables_rules(place.network, table, chain))
        if "L" in letters and "n" in letters:
            return ProgramResult(iptables_table(place.network, table, chain, numbers=numbers))
    except BadValue as error:
        hint = "\nPerhaps iptables or your kernel needs to be upgraded." if "Table" in str(error) else ""
        return ProgramResult(stderr=f"iptables: {error}{hint}\n", exit_code=3 if hint else 1)
    raise NotModelled("only iptables -S and iptables -nL are modelled")
