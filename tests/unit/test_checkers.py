"""What is correct: patterns, exact and numeric answers, commands; and what none of them may do."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from bftui.core.errors import Cancelled, UsageError
from bftui.measures.diversity.checkers import Checker, CheckSettings, Verdict, last_number


def verdicts(texts, expected=None, **settings):
    with Checker(CheckSettings(**settings)) as checker:
        return checker.check(texts, expected)


def program(code, *texts, **settings):
    with Checker(CheckSettings(command=(sys.executable, "-c", code), **settings)) as checker:
        return [each.correct for each in checker.check(texts or ("",), None)], checker.slow


def test_a_pattern_is_found_or_not_and_takes_the_answer_out():
    texts = ["the answer is red.", "red", "the answer is"]
    found = verdicts(texts, pattern=r"answer is (\w+)")
    assert found == [Verdict(True, "red"), Verdict(False), Verdict(False)]
    assert verdicts(["a red pear"], pattern="red|blue") == [Verdict(True, "red")]


def test_an_answer_is_held_against_the_prompts():
    assert verdicts([" red\n", "Red", ""], "red ", compare="exact") == [
        Verdict(True, "red"),
        Verdict(False, "Red"),
        Verdict(False, ""),
    ]
    taken = verdicts(["I say: red", "red"], "red", pattern=r"say: (\w+)", compare="exact")
    assert taken == [Verdict(True, "red"), Verdict(False)]


def test_without_an_answer_of_the_prompt_nothing_is_known():
    assert verdicts(["red"], None, compare="exact") == [Verdict(None, "red")]
    assert verdicts(["7"], "none given", compare="numeric") == [Verdict(None, "7")]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("it is 42.", "42"),
        ("$1,234.50 in all", "2469/2"),
        ("x = -3", "-3"),
        ("5-3", "3"),
        ("from 1 to 2.5e3 m", "2500"),
        ("#### 007", "7"),
        (".5", "1/2"),
        ("none", None),
        ("a1b2", None),
        ("1e999999999", None),
        ("9" * 301, None),
        ("", None),
    ],
)
def test_the_last_number_of_a_text_has_one_form(text, number):
    assert last_number(text) == number


def test_numbers_are_compared_by_value():
    found = verdicts(["so 42.0", "so 41", "so many"], "6 * 7 = 42", compare="numeric")
    assert [each.correct for each in found] == [True, False, False]


def test_a_pattern_that_does_not_end_is_unknown_at_that_text_alone():
    texts = ["a" * 40 + "!", "aaa", "b"]
    with Checker(CheckSettings(pattern=r"^(a+)+$", seconds=0.3)) as checker:
        assert [each.correct for each in checker.check(texts, None)] == [None, True, False]
        assert checker.slow == 1


def test_a_pattern_that_never_ends_is_given_up_with_one_line():
    with (
        Checker(CheckSettings(pattern=r"^(a+)+$", seconds=0.2)) as checker,
        pytest.raises(UsageError, match=r"was ended at 3 texts.*repeat inside of a repeat"),
    ):
        checker.check(["a" * 40 + "!"] * 9, None)


def test_a_pattern_that_is_none_is_refused_before_the_work():
    with pytest.raises(UsageError, match=r"not a regular expression.*unterminated"):
        Checker(CheckSettings(pattern="(a"))


def test_a_program_gets_the_text_and_its_status_decides():
    code = "import sys; sys.exit(sys.stdin.read() != 'é\\n red')"
    assert program(code, "é\n red", "red") == ([True, False], 0)


def test_a_program_that_does_not_read_is_judged_by_its_status_alone():
    assert program("", "x" * 1_000_000) == ([True], 0)


def test_a_program_that_sleeps_is_ended_and_not_correct():
    began = time.monotonic()
    assert program("import time; time.sleep(600)", seconds=0.3) == ([False], 1)
    assert time.monotonic() - began < 60


def test_a_program_that_needs_too_much_memory_is_not_correct():
    assert program("x = bytearray(2 << 30)", memory=512) == ([False], 0)


def test_what_a_program_prints_goes_nowhere():
    code = (
        "import sys\nfor _ in range(2000): sys.stdout.write('x' * 100_000); sys.stderr.write('y')"
    )
    assert program(code) == ([True], 0)


def test_a_program_sees_nothing_of_our_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SOME_API_KEY", "secret")
    seen = tmp_path / "seen"
    code = f"import os; open({str(seen)!r}, 'w').write(repr(dict(os.environ)))"
    assert program(code)[0] == [True]
    found = eval(seen.read_text())
    # The interpreter that tells sets one by itself.
    assert set(found) - {"LC_CTYPE"} == {"PATH", "LANG", "HOME"}
    assert found["HOME"] != os.environ.get("HOME")
    assert not Path(found["HOME"]).exists()


def test_what_a_program_started_ends_with_it(tmp_path):
    pid = tmp_path / "pid"
    code = (
        "import os, time\n"
        f"if os.fork(): os.wait3(os.WNOHANG); open({str(pid)!r} + '.parent', 'w')\n"
        f"else: open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)\n"
        f"while not os.path.exists({str(pid)!r}): pass"
    )
    assert program(code)[0] == [True]
    left = int(pid.read_text())
    while running(left):
        time.sleep(0.01)


def running(pid):
    """Whether a process is there that still does something."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.skipif(not hasattr(os, "fork") or os.getuid() == 0, reason="the system limits users")
def test_a_program_that_forks_without_end_meets_a_limit():
    code = (
        "import os, sys, time\n"
        "for _ in range(10_000):\n"
        "    try:\n"
        "        if not os.fork(): time.sleep(600)\n"
        "    except OSError: sys.exit(0)\n"
        "sys.exit(1)"
    )
    assert program(code, seconds=60)[0] == [True]


def test_processes_that_fork_on_are_ended_with_their_command(tmp_path):
    told = tmp_path / "told"
    code = (
        "import os, time\n"
        "for _ in range(4): os.fork()\n"
        f"os.write(os.open({str(told)!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND), b'%d\\n' % os.getpid())\n"
        "time.sleep(600)"
    )
    assert program(code, seconds=3) == ([False], 1)
    for pid in map(int, told.read_text().split()):
        while running(pid):
            time.sleep(0.01)


def test_a_program_that_is_not_there_is_refused_before_the_work():
    with pytest.raises(UsageError, match="there is no program 'no-such-checker'"):
        Checker(CheckSettings(command=("no-such-checker",)))


def test_a_check_is_stopped_from_another_thread():
    with Checker(CheckSettings(command=("sleep", "600"), seconds=600)) as checker:
        timer = threading.Timer(0.2, checker.cancel)
        timer.start()
        with pytest.raises(Cancelled):
            checker.check(["x"], None)
        timer.join()
        with pytest.raises(Cancelled):
            checker.check(["x"], None)


@pytest.mark.parametrize(
    "settings",
    [{}, {"command": ("true",), "pattern": "x"}, {"pattern": "x", "seconds": 0}],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(UsageError):
        CheckSettings(**settings)
