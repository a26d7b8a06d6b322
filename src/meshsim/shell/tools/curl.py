"""``curl`` and ``wget``: one HTTP request each, and their words for what goes wrong.

Room shell, tools. In: the words of the command and a place. Out: text, exit code, duration. Rule of this
file: every connection is new, as with the real commands; headers and bodies of requests are not modelled.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from meshsim.cluster.client import Response, Target
from meshsim.cluster.programs import ProgramResult
from meshsim.errors import (
    BadValue,
    ConnectionFailed,
    ConnectionHangs,
    ConnectionRefused,
    ConnectionTimedOut,
    ConnectionWasReset,
    HostUnreachable,
    NameNotResolved,
    NotModelled,
)
from meshsim.shell.tools.place import Place
from meshsim.units import MILLISECOND, SECOND, parse_float

__all__ = ["curl", "wget"]

_SWITCHES = {
    "-s": "silent", "--silent": "silent", "-S": "show_error", "--show-error": "show_error",
    "-I": "head", "--head": "head", "-i": "include", "--include": "include",
    "-f": "fail", "--fail": "fail",
}  # fmt: skip
_VALUES = {
    "-o": "output", "--output": "output", "-w": "write_out", "--write-out": "write_out",
    "-m": "max_time", "--max-time": "max_time", "--connect-timeout": "max_time",
}  # fmt: skip
#: accepted and of no effect here
_IGNORED = ("-4", "--ipv4", "-L", "--location", "-k", "--insecure", "-N", "--no-buffer")
_IGNORED_VALUES = ("-H", "--header", "-A", "--user-agent", "-X", "--request")
_STATUS = {200: "OK", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}


@frozen(slots=True)
class _Options:
    silent: bool = False
    show_error: bool = False
    head: bool = False
    include: bool = False
    fail: bool = False
    output: str = ""
    write_out: str = ""
    max_time: str = ""

    @property
    def limit_ns(self) -> int | None:
        return int(parse_float(self.max_time) * SECOND) if self.max_time else None


def curl(args: Sequence[str], place: Place) -> ProgramResult:
    """Run curl.

    Args:
        args: words behind ``curl``: URLs and ``-s -S -o /dev/null -w FORMAT -i -I -f -m SECONDS``.
        place: where it runs.

    Returns:
        Bodies, messages and curl's exit code (6 name, 7 connect, 28 time-out, 56 reset).

    Raises:
        NotModelled: an option that is not simulated.

    Source: curl lib/strerror.c, lib/connect.c, docs/cmdline-opts.
    """
    try:
        options, urls = _parse(args)
    except BadValue as error:
        return ProgramResult(stderr=f"curl: {error}\n", exit_code=2)
    if not urls:
        return ProgramResult(stderr="curl: (2) no URL specified\n", exit_code=2)
    total = ProgramResult()
    for url in urls:
        total = total.then(_one(url, options, place))
    return total


def _parse(args: Sequence[str]) -> tuple[_Options, list[str]]:
    values: dict[str, object] = {}
    urls: list[str] = []
    words = list(reversed(args))
    while words:
        word = words.pop()
        if word in _SWITCHES:
            values[_SWITCHES[word]] = True
        elif word in _VALUES or word in _IGNORED_VALUES:
            if not words:
                raise BadValue(f"option {word}: requires parameter", word)
            value = words.pop()
            if word in _VALUES:
                values[_VALUES[word]] = value
        elif word in _IGNORED:
            continue
        elif len(word) > 2 and word[0] == "-" and word[1] != "-":  # -sS, -so FILE, -m5
            rest = word[2:]
            attached = f"-{word[1]}" in (*_VALUES, *_IGNORED_VALUES)
            words += [rest if attached else f"-{rest}", word[:2]]
        elif word.startswith("-"):
            raise NotModelled(f"curl {word} is not modelled")
        else:
            urls.append(word)
    return _Options(**values), urls  # type: ignore[arg-type]  # the tables above name its fields


def _one(url: str, options: _Options, place: Place) -> ProgramResult:
    try:
        target = Target.parse(url)
    except BadValue:
        return _failed(3, "URL using bad/illegal format or missing URL", 0, options)
    try:
        response = place.fetch(target)
    except ConnectionFailed as failure:
        code, text = _failure(failure, target, place, options.limit_ns)
        limit_ns = options.limit_ns
        spent_ns = failure.elapsed_ns if limit_ns is None else min(failure.elapsed_ns, limit_ns)
        return _failed(code, text, spent_ns, options)
    if options.limit_ns is not None and response.elapsed_ns > options.limit_ns:
        text = f"Operation timed out after {_ms(options.limit_ns)} milliseconds with 0 bytes received"
        return _failed(28, text, options.limit_ns, options)
    if options.fail and response.status >= 400:
        text = f"The requested URL returned error: {response.status}"
        return _failed(22, text, response.elapsed_ns, options)
    return ProgramResult(_shown(response, options), duration_ns=response.elapsed_ns)


def _shown(response: Response, options: _Options) -> str:
    head = ""
    if options.head or options.include:
        reason = _STATUS.get(response.status, "")
        head = f"HTTP/1.1 {response.status} {reason}\nContent-Length: {len(response.text)}\n\n"
    text = head + ("" if options.head else response.text)
    if options.output:
        if options.output not in ("/dev/null", "-"):
            raise NotModelled(f"writing to {options.output} is not modelled: there are no files")
        text = "" if options.output == "/dev/null" else text
    return text + _written(options.write_out, response.status, response.elapsed_ns, len(response.text))


def _written(template: str, status: int, elapsed_ns: int, size: int) -> str:
    """Fill in ``-w``."""
    values = {
        "http_code": f"{status:03d}",
        "response_code": f"{status:03d}",
        "time_total": f"{elapsed_ns / SECOND:.6f}",
        "size_download": str(size),
    }
    for name, value in values.items():
        template = template.replace(f"%{{{name}}}", value)
    if "%{" in template:
        raise NotModelled(f"curl -w {template[template.index('%{') :]} is not modelled")
    return template.replace("\\n", "\n").replace("\\t", "\t")


def _failed(code: int, text: str, elapsed_ns: int, options: _Options) -> ProgramResult:
    told = not options.silent or options.show_error
    return ProgramResult(
        _written(options.write_out, 0, elapsed_ns, 0),
        f"curl: ({code}) {text}\n" if told else "",
        code,
        elapsed_ns,
    )


def _ms(duration_ns: int) -> int:
    return duration_ns // MILLISECOND


def _failure(
    failure: ConnectionFailed, target: Target, place: Place, limit_ns: int | None
) -> tuple[int, str]:
    """Curl's number and words for a failure."""
    where = f"Failed to connect to {target.host} port {target.port}"
    if limit_ns is not None and failure.elapsed_ns > limit_ns:
        if isinstance(failure, ConnectionHangs):
            return 28, f"Operation timed out after {_ms(limit_ns)} milliseconds with 0 bytes received"
        return 28, f"Connection timed out after {_ms(limit_ns)} milliseconds"
    after = f"{where} after {_ms(failure.elapsed_ns)} ms"
    modern = place.profile.curl_refused == "Couldn't connect to server"
    match failure:
        case NameNotResolved():
            return 6, f"Could not resolve host: {target.host}"
        case ConnectionRefused():
            return 7, f"{after if modern else where}: {place.profile.curl_refused}"
        case HostUnreachable():
            return 7, f"{after if modern else where}: No route to host"
        case ConnectionWasReset():
            return 56, "Recv failure: Connection reset by peer"
        case ConnectionTimedOut():
            return 28, f"{after if modern else where}: Connection timed out"
    return 7, f"{after}: Couldn't connect to server"


def wget(args: Sequence[str], place: Place) -> ProgramResult:
    """Run ``wget -qO- URL``; other forms would write files, which there are none.

    Source: busybox networking/wget.c.
    """
    urls = [arg for arg in args if not arg.startswith("-")]
    flags = "".join(arg.lstrip("-") for arg in args if arg.startswith("-") and arg != "-")
    if "O" not in flags or len([url for url in urls if url != "-"]) != 1:
        raise NotModelled("only wget -qO- URL is modelled: there are no files to write")
    url = next(url for url in urls if url != "-")
    result = _one(url, _Options(), place)
    if not result.exit_code:
        return result
    host = Target.parse(url).host
    words = {6: f"bad address '{host}'", 28: "download timed out", 56: "error getting response"}
    text = words.get(result.exit_code, f"can't connect to remote host ({host}): Connection refused")
    return evolve(result, stderr=f"wget: {text}\n", exit_code=1)
