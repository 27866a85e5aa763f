"""The command line: parse, settle, import late, go.

Every failure is one line on stderr and the exit code of `core.errors`; a traceback comes only with `--debug`.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import traceback
import warnings


def main() -> None:
    """The `bftui` program."""
    # What a start makes stays: looking through it for garbage again and again only delays the first frame.
    gc.set_threshold(50_000, 20, 100)
    # A closed stream is None here; what goes to it goes nowhere. What a terminal cannot spell is escaped.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    if not sys.warnoptions:
        # What a library would like to be told is not a line of ours; -W or PYTHONWARNINGS shows it.
        warnings.simplefilter("ignore")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Runs one command line; returns its exit code."""
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    from bftui.core.errors import BftuiError, Cancelled

    try:
        from bftui.cli.command_table import command

        # In this mode the value is the callback's return, or the code of an Exit (as after --help).
        result = command(arguments).main(args=arguments, prog_name="bftui", standalone_mode=False)
        sys.stdout.flush()
        if result == Cancelled.exit_code:
            # ctrl+c outside of any work: the parser makes it a code and says nothing.
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except (BrokenPipeError, SystemExit):
        # The reader of our output left, as `head` does; the parser turns that into an exit, and into nothing else. The
        # interpreter must not try to flush it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BftuiError as error:
        return _fail(error.line(), error.exit_code, debug)
    except KeyboardInterrupt:
        return _fail("interrupted", Cancelled.exit_code, debug)
    except OSError as error:
        # Files that are named in arguments have errors of their own; what is left is the standard output.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _fail(f"cannot write the output: {error.strerror or error}", 1, debug)
    except Exception as error:
        if hasattr(error, "format_message"):
            message = error.format_message().rstrip()
            end = "" if message.endswith((".", "?")) else "."
            return _fail(f"{message}{end} See `bftui --help`.", 2, debug)
        if type(error).__name__ == "Abort":
            return _fail("interrupted", Cancelled.exit_code, debug)
        what = f"this is a fault of bftui: {type(error).__name__}: {error}"
        return _fail(f"{what}; please report it with the output of --debug", 1, debug)


def _fail(line: str, code: int, debug: bool) -> int:
    from bftui.core.text import safe

    if debug:
        traceback.print_exc()
    with contextlib.suppress(OSError):
        print(f"bftui: {safe(' '.join(line.split()))}", file=sys.stderr)
    return code
