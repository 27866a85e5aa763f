"""Valid sets by name, from expressions and from files: what is in them, how they are drawn from, what is refused."""

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bftui.core.errors import InputError, NotEnumerable, UsageError
from bftui.core.valid.named_sets import NAMED, named_set
from bftui.core.valid.regex_answers import regex_answers
from bftui.core.valid.valid_sets import LIMIT, valid_set
from bftui.trace.valid_files import parse_answers, parse_valid

# Named sets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "count", "holds", "lacks"),
    [
        ("digits:1", 10, "7", "10"),
        ("digits:2", 100, "3,7", "37"),
        ("digits:7", 10**7, "0,1,2,3,4,5,6", "0,1,2,3,4,5"),
        ("digits:2:sum=3", 4, "0,3", "0,4"),
        ("digits:2:max-sum=3", 10, "0,2", "0,4"),
        ("pin:2", 100, "03", "3"),
        ("pin:18", 10**18, "0" * 18, "٠" * 18),
        ("range:1-100", 100, "100", "0"),
        ("range:-5-5", 11, "-5", "-0"),
        ("range:-999999999999-999999999999", 2 * 10**12 - 1, "-999999999999", "007"),
        ("words:tea|coffee", 2, "tea", "Tea"),
        ("coin", 2, "Heads", "heads"),
        ("yes-no", 2, "No", ""),
        ("weekdays", 7, "Sunday", "January"),
        ("months", 12, "May", "Sunday"),
        ("colours", 11, "gray", "grey"),
        ("fruit", 38, "Fig", "Carrot"),
        ("us-states", 50, "West Virginia", "Puerto Rico"),
        ("countries", 195, "Chad", "Atlantis"),
        ("elements", 118, "Tin", "Steel"),
    ],
)
def test_a_named_set_holds_what_its_name_says(name, count, holds, lacks):
    found = named_set(name)
    assert found.name.startswith(name.partition(":")[0])
    assert found.count == count
    assert holds in found.answers
    assert lacks not in found.answers
    assert found.notes == ()


def test_every_name_that_is_told_is_known():
    for form in NAMED:
        example = form.replace("D", "2").replace("A-B", "1-2")
        assert named_set(example) is not None


@pytest.mark.parametrize(
    "name", ["digits", "dates", "coin:2", "us states", "", "./coin", "regex:a"]
)
def test_what_is_no_name_is_none(name):
    assert named_set(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "digits:",
        "digits:0",
        "digits:19",
        "digits:x",
        "digits:2:sum",
        "digits:7:sum=3",
        "digits:1:sum=10",
        "pin:0",
        "pin:²",
        "range:",
        "range:1",
        "range:5-1",
        "range:1-9999999999999999999",
        "words:",
        "words:a||b",
    ],
)
def test_a_name_that_makes_no_set_is_refused(name):
    with pytest.raises(UsageError):
        named_set(name)


@pytest.mark.parametrize("name", ["digits:4", "digits:5", "pin:12", "range:7-7", "coin"])
def test_draws_are_uniform_over_the_answers(name):
    found = named_set(name)
    assert found.draw(0.0) == found.answers[0]
    assert found.draw(0.5) == found.answers[found.count // 2]
    assert found.draw(1 - 2**-53) == found.answers[-1]


def test_large_sets_are_made_when_they_are_asked_for():
    found = named_set("digits:6")
    assert found.answers[12:14] == ("0,0,0,0,1,2", "0,0,0,0,1,3")
    assert found.answers[-1] == "9,9,9,9,9,9"
    with pytest.raises(UsageError, match="digits:6 has 1,000,000 answers: 10,000 at most"):
        found.all()
    assert len(named_set("digits:4").all()) == LIMIT


def test_answers_that_come_again_are_left_out_and_said():
    found = valid_set("mine", ["a", "b", "a", "b", "a", "c"])
    assert found.answers == ("a", "b", "c")
    assert found.notes == ("3 answers that came again were left out: 'a', 'b'",)


@pytest.mark.parametrize("answers", [[], ["a", ""], ["\ud800"]])
def test_what_is_no_set_is_refused(answers):
    with pytest.raises(UsageError, match="mine"):
        valid_set("mine", answers)


# Regular expressions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "answers"),
    [
        ("a|bc|a", ["a", "bc"]),
        ("[a-c]x?", ["a", "ax", "b", "bx", "c", "cx"]),
        (r"^\d$", list("0123456789")),
        ("(?:ab|a)(?:bc|c)", ["abbc", "abc", "ac"]),
        ("a{2,3}?", ["aa", "aaa"]),
        ("(a|)(a|)", ["aa", "a", ""]),
        ("(|a){3}", ["", "a", "aa", "aaa"]),
        (r"(^x|y$)", ["x", "y"]),
        ("(?x) a b # words", ["ab"]),
        ("()*a", ["a"]),
        (r"é\n", ["é\n"]),
        ("[[a]", ["[", "a"]),
    ],
)
def test_an_expression_is_written_out(pattern, answers):
    assert list(regex_answers(pattern)) == answers


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("a*", "repeated for ever"),
        ("(a|b)+c", "repeated for ever"),
        ("(a{1,99}){1,99}{1,99}", "multiple repeat"),
        (r"\d{5}", "more than 10,000"),
        ("[^a]", "nearly any character"),
        (".", "nearly any character"),
        (r"\D", "nearly any character"),
        ("[\\x00-\\uffff]", "more than 10,000"),
        (r"(a|b)\1", "a reference to a group"),
        ("a(?=b)b", "look ahead"),
        ("(?!)", "look ahead"),
        ("a++", "possessive"),
        ("(?>a|ab)c", "atomic"),
        ("(?i)yes", "any case"),
        ("(?i:yes)", "any case"),
        ("a^b", "beside a place"),
        (r"\bword\b", "beside a place"),
        ("(", "unterminated"),
        (r"\p{Lu}", "bad escape"),
        ("a{99999999999999999999}", "too large"),
        ("(" * 5000 + ")" * 5000, "nested too deeply"),
        # What would take for ever if it were run, or written out way by way.
        ("(a?){64}a{64}b|(x+x+)+y", "repeated for ever"),
        ("(a{0,100}){0,100000}", "too many ways"),
        ("a{100000}", "too long"),
        ("(((a|b){0,50}){0,50}){0,50}", "more than 10,000"),
    ],
)
def test_what_cannot_be_written_out_says_why(pattern, why):
    with pytest.raises(NotEnumerable, match=why):
        regex_answers(pattern)


def test_many_ways_to_few_texts_take_no_time():
    assert len(regex_answers("(a?){64}(a|aa|){64}")) == 193


PARTS = st.recursive(
    st.sampled_from(["a", "b", "[ab]", "a?", "b{0,2}", "(?:)"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: f"(?:{'|'.join(each)})"),
        inner.map(lambda each: f"(?:{each}){{1,2}}"),
    ),
    max_leaves=4,
)


@given(PARTS)
def test_exactly_the_texts_that_python_matches_are_written_out(pattern):
    found = regex_answers(pattern)
    assert len(set(found)) == len(found)
    longest = max(map(len, found))
    compiled = re.compile(pattern)
    for size in range(min(longest + 1, 7) + 1):
        for letters in product("ab", repeat=size):
            text = "".join(letters)
            assert (compiled.fullmatch(text) is not None) == (text in found)


# Files -------------------------------------------------------------------------------------------


def _no_file(name):
    raise AssertionError(f"{name} was read")


def test_a_name_and_an_expression_go_before_a_file():
    assert parse_valid("coin", _no_file).answers == ("Heads", "Tails")
    found = parse_valid("regex:a|b", _no_file)
    assert (found.name, found.answers) == ("regex:a|b", ("a", "b"))
    assert parse_valid("mine.txt", lambda name: b"x\ny\n").name == "mine.txt"


@pytest.mark.parametrize(
    ("data", "answers"),
    [
        (b"Virginia\r\n  West Virginia \n\n", ("Virginia", "West Virginia")),
        ("\ufeffé\nü".encode(), ("é", "ü")),
        ("one\u2028line".encode(), ("one\u2028line",)),
        (b'{"valid": [" a", "b\\n"], "more": 1}', (" a", "b\n")),
    ],
)
def test_a_file_of_answers_is_read(data, answers):
    assert parse_answers(data, "mine").answers == answers


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "mine has no valid answers"),
        (b" \n\n", "mine has no valid answers"),
        (b"\xff", "mine is not UTF-8"),
        (b'{"valid": ["a"]', "mine is not JSON"),
        (b'{"valid": ' + b"[" * 100_000, "mine is not JSON"),
        (b"{}", 'mine: "valid" is not a list of texts'),
        (b'{"valid": "a"}', 'mine: "valid" is not a list of texts'),
        (b'{"valid": [1]}', 'mine: "valid" is not a list of texts'),
        (b'{"valid": []}', "mine has no valid answers"),
        (b'{"valid": [""]}', "mine holds an empty answer"),
        (b'{"valid": ["\\ud800"]}', "mine: '\\ud800' is not Unicode"),
    ],
)
def test_a_damaged_file_of_answers_is_refused(data, said):
    with pytest.raises(InputError) as refused:
        parse_answers(data, "mine")
    assert str(refused.value).startswith(said)
