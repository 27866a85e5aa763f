"""Reports in a real browser: nothing in a trace runs or is loaded, and what the page offers works."""

import io
import json
from xml.etree import ElementTree

import pytest

from bftui import cli
from bftui.trace.report.palette import DARK
from tests.e2e import browser as b
from tests.groups import Later, needs, one_process
from tests.report_traces import full_trace, hostile_trace

needs("matplotlib", "PIL")
image = Later("PIL.Image")
if b.found() is None:
    pytest.skip(f"no browser is found: none of {', '.join(b.NAMES)}", allow_module_level=True)

pytestmark = one_process("browser")


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


@pytest.mark.parametrize("name", ["full", "hostile"])
def test_a_picture_is_saved_from_the_page_without_a_network(browser, pages, name, tmp_path):
    browser.open(pages[name], scheme="dark")
    saved = {
        form: browser.downloaded(
            tmp_path, f"document.querySelector('[aria-label$={form}]').click()"
        )
        for form in ("svg", "png")
    }
    assert [path.name for path in saved.values()] == ["path.svg", "path.png"]
    drawn = saved["svg"].read_text("utf-8")
    root = ElementTree.fromstring(drawn)
    styles = [each.get(at, "") for each in root.iter() for at in ("style", "fill", "stroke")]
    assert not any("var(" in style for style in styles)
    assert not {each.tag.rpartition("}")[2] for each in root.iter()} & {"script", "image", "a"}
    assert DARK.background in drawn
    picture = image.open(saved["png"])
    assert picture.width == 1800
    assert len(picture.convert("RGB").getcolors(1 << 24)) > 20
    asked = [each["request"]["url"] for each in browser.said("Network.requestWillBeSent")]
    assert not any(url.startswith("http") for url in asked)


def test_text_of_a_trace_stays_text_in_attributes_and_pictures(browser, pages):
    browser.open(pages["hostile"])
    handlers = "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes])"
    assert not browser.run(f"{handlers}.some(a => a.name.startsWith('on'))")
    assert (
        browser.run(
            "document.querySelectorAll('svg script, svg image, svg a, a[href*=\":\"]').length"
        )
        == 0
    )
    said = browser.run("[...document.querySelectorAll('svg text')].map(e => e.textContent).join()")
    assert "<svg" in said or "<img" in said or "</" in said


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
    browser.open(pages["full"], scheme=scheme)
    shot = image.open(io.BytesIO(browser.screenshot()))
    shot.save(tmp_path / f"{scheme}.png")
    assert shot.height > 3000
    # Text, lines and shades: a page that stayed empty has one colour.
    assert len(shot.convert("RGB").getcolors(1 << 24)) > 100


def test_a_page_prints(browser, pages):
    browser.open(pages["full"])
    assert browser.pdf().startswith(b"%PDF")
