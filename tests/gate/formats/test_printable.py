"""Text from outside, as any format shows it."""

from hypothesis import given

from gate.formats.printable import one_line, printable
from tests.gate.formats.reports import texts, unhurried


def test_what_a_terminal_obeys_is_shown_as_its_escape() -> None:
    assert printable("a\x1b[2Jb\x07") == "a\\x1b[2Jb\\x07"
    assert printable("\u202e\ud800\ufffe\u2028") == "\\u202e\\ud800\\ufffe\\u2028"


def test_what_people_write_stays_as_it_is() -> None:
    assert printable('Größe "中"\nsecond → line') == 'Größe "中"\nsecond → line'
    assert one_line("a\n  b\t c ") == "a b\\t c"


@unhurried
@given(texts)
def test_shown_text_is_utf8_of_printable_characters_and_stays_so(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert all(each.isprintable() or each in "\n\u00a0\u3000" or each.isspace() for each in shown)
    assert printable(shown) == shown
    assert "\n" not in one_line(text)
