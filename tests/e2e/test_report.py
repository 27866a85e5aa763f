"""Reports in a real browser: nothing in a trace runs or is loaded, and what the page offers works."""

import io
import json

import pytest

from bftui import cli
from tests.e2e import browser as b
from tests.report_traces import full_trace, hostile_trace

pytest.importorskip("matplotlib")
if b.found() is None:
    pytest.skip(f"no browser is found: none of {', '.join(b.NAMES)}", allow_module_level=True)

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Reports by name."""
    folder = tmp_path_factory.mktemp("pages")
    full = full_trace(folder)
    found = {}
    for trace in (full, hostile_trace(full, folder)):
        found[trace.stem] = trace.with_suffix(".html")
        assert cli.run(["report", str(trace), "-o", str(found[trace.stem])]) == 0
    return found


@pytest.fixture(scope="module")
def browser():
    opened = b.Browser(b.found())
    yield opened
    opened.close()


def colour(browser, name="backgroundColor", of="document.documentElement"):
    return browser.run(f"getComputedStyle({of}).{name}")


@pytest.mark.parametrize("name", ["full", "hostile"])
def test_a_page_loads_nothing_and_runs_only_its_own_script(browser, pages, name):
    browser.open(pages[name])
    asked = [each["request"]["url"] for each in browser.said("Network.requestWillBeSent")]
    assert asked == [pages[name].as_uri()]
    assert not browser.said("Runtime.exceptionThrown")
    assert not browser.said("Log.entryAdded")
    assert browser.run("document.title") != "taken"
    assert browser.run("document.scripts.length") == 1
    assert browser.run("document.querySelectorAll('img, iframe, h1:not(header h1)').length") == 0
    assert browser.run("document.querySelector('#card') !== null")


def test_even_markup_that_got_through_could_not_run(browser, pages, tmp_path):
    page = tmp_path / "broken.html"
    bad = (
        "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
    )
    page.write_text(pages["full"].read_text("utf-8").replace("</main>", f"{bad}</main>"), "utf-8")
    browser.open(page)
    assert browser.run("document.title") != "taken"


def test_pointing_at_a_token_shows_its_numbers_and_the_candidates(browser, pages):
    browser.open(pages["full"])
    box = json.loads(
        browser.run(
            "JSON.stringify(document.querySelectorAll('[data-t]')[1].getBoundingClientRect())"
        )
    )
    said = browser.run("document.querySelectorAll('[data-t]')[1].title")
    browser.point(box["x"] + 2, box["y"] + box["height"] / 2)
    assert browser.run("card.hidden") is False
    assert browser.run("card.textContent") == said
    assert "forced" in said
    assert said.count("\n") > 5
    browser.point(5, 5)
    assert browser.run("card.hidden") is True


def test_the_arrow_keys_go_from_token_to_token(browser, pages):
    browser.open(pages["full"])
    browser.run("document.querySelector('[data-t]').focus()")
    first = browser.run("card.textContent")
    browser.press("ArrowRight")
    second = browser.run("card.textContent")
    assert "position 0" in first
    assert "position 1" in second
    browser.press("ArrowLeft")
    assert browser.run("card.textContent") == first
    browser.press("Escape")
    assert browser.run("card.hidden") is True


def test_the_page_is_dark_or_light_as_the_system_and_light_on_paper(browser, pages):
    def inks():
        picture = colour(browser, "fill", "document.querySelector('figure text')")
        return colour(browser, "color"), picture

    browser.open(pages["full"], scheme="light")
    light, paper = inks(), colour(browser)
    browser.open(pages["full"], scheme="dark")
    assert all(one != other for one, other in zip(inks(), light, strict=True))
    assert colour(browser) != paper
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.ask("Emulation.setEmulatedMedia", media="print", features=features)
    assert inks() == light
    browser.ask("Emulation.setEmulatedMedia", media="")


@pytest.mark.parametrize("width", [1200, 380])
@pytest.mark.parametrize("name", ["full", "hostile"])
def test_nothing_is_wider_than_the_window(browser, pages, name, width):
    browser.open(pages[name], width=width)
    assert browser.run("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_drawn(browser, pages, scheme, tmp_path):
    from PIL import Image

    browser.open(pages["full"], scheme=scheme)
    shot = Image.open(io.BytesIO(browser.screenshot()))
    shot.save(tmp_path / f"{scheme}.png")
    assert shot.height > 3000
    # Text, lines and shades: a page that stayed empty has one colour.
    assert len(shot.convert("RGB").getcolors(1 << 24)) > 100


def test_a_page_prints(browser, pages):
    browser.open(pages["full"])
    assert browser.pdf().startswith(b"%PDF")
