"""The report in a real browser: no complaints, overlays switch, filters filter, and a phone shows it without scrolling
sideways. Needs chromium and its driver; skipped, and counted, without them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from synthgen.report.html import write_report
from tests.report.report_datasets import IMAGES, PAIRS, VIDEO, write_dataset
from tests.report.test_run_log import EVENTS, write_log

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
support = pytest.importorskip("selenium.webdriver.support.ui", reason="selenium is not installed")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium or chromedriver is not installed")

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
LAPTOP, PHONE = (1280, 800), (390, 844)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["webdriver.Chrome"]:
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    write_dataset(folder / "images", IMAGES, 24, lambda index: {
        "yaw_deg": 10.0 * index - 100, "light": "studio" if index % 2 else "day", "a_name" * 30: 1.0,
    })  # fmt: skip
    write_dataset(folder / "pairs", PAIRS, 20, missing={1})
    write_dataset(folder / "clips", VIDEO, 10)
    write_log(folder / "images", *EVENTS)
    for kind in ("images", "pairs", "clips"):
        write_report(folder / kind, folder / f"{kind}.html", 12)
    return {kind: folder / f"{kind}.html" for kind in ("images", "pairs", "clips")}


def open_page(browser: "webdriver.Chrome", file: Path, size: tuple[int, int] = LAPTOP) -> None:
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(file.as_uri())


def complaints(browser: "webdriver.Chrome") -> list[str]:
    return [entry["message"] for entry in browser.get_log("browser")]


def shown(browser: "webdriver.Chrome") -> list[int]:
    """Numbers of the samples that can be seen, in order."""
    captions = "[...document.querySelectorAll('.thumb')].filter((thumb) => thumb.offsetParent)"
    return [int(text) for text in browser.execute_script(f"return {captions}.map((t) => t.innerText.split('\\n')[0])")]


def put(browser: "webdriver.Chrome", name: str, value: str) -> None:
    script = "const field = document.getElementById(arguments[0]); field.value = arguments[1];"
    events = "for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, {bubbles: true}));"
    browser.execute_script(script + events, name, value)


@pytest.mark.parametrize("kind", ["images", "pairs", "clips"])
@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_it_opens_without_complaints_and_fits(
    browser: "webdriver.Chrome", pages: dict[str, Path], kind: str, size: tuple[int, int]
) -> None:
    open_page(browser, pages[kind], size)
    browser.execute_script("document.querySelectorAll('details').forEach((group) => { group.open = true; })")
    root = "document.documentElement"
    content, room, window = browser.execute_script(f"return [{root}.scrollWidth, {root}.clientWidth, innerWidth]")
    assert content <= room and window == size[0]
    broken = "return [...document.images].filter((image) => !(image.complete && image.naturalWidth)).length"
    browser.execute_script("document.querySelectorAll('img').forEach((image) => { image.loading = 'eager'; })")
    browser.execute_async_script("Promise.all([...document.images].map((i) => i.decode())).then(arguments[0])")
    assert browser.execute_script(broken) == 0
    assert browser.execute_script("return document.querySelectorAll('svg.chart').length") > 1
    assert len(shown(browser)) == {"images": 12, "pairs": 10, "clips": 10}[kind]
    assert complaints(browser) == []


MIDDLE_PIXEL = """
const image = document.querySelector(".thumb img"), done = arguments[0];
image.decode().then(() => {
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  done([...context.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data].slice(0, 3));
});
"""


def test_overlays_switch(browser: "webdriver.Chrome", pages: dict[str, Path]) -> None:
    open_page(browser, pages["images"])
    buttons = browser.find_elements("css selector", "[data-overlay]")
    names = [button.text for button in buttons]
    assert names[:3] == ["image", "landmarks", "parts"] and "uv" in names
    pixels = {}
    for name in ("image", "uv", "depth", "image"):
        button = buttons[names.index(name)]
        button.click()
        pressed = browser.find_elements("css selector", "[data-overlay][aria-pressed=true]")
        assert [element.text for element in pressed] == [name]
        pixel = browser.execute_async_script(MIDDLE_PIXEL)
        assert pixels.setdefault(name, pixel) == pixel  # the picture comes back
    # The middle of the egg: u and v are about a half, in a chequer, and blue is 0.45 of it all.
    assert len({tuple(pixel) for pixel in pixels.values()}) == 3
    red, green, blue = pixels["uv"]
    assert 85 < red < 150 and 85 < green < 150 and 75 < blue < 130
    buttons[names.index("masks")].click()
    assert "occluder" in browser.find_element("id", "key").text
    assert complaints(browser) == []


def test_filters(browser: "webdriver.Chrome", pages: dict[str, Path]) -> None:
    open_page(browser, pages["images"])
    every = shown(browser)
    assert every == [0, 2, 4, 6, 8, 10, 13, 15, 17, 19, 21, 23]
    put(browser, "find", "4, 10-15")
    assert shown(browser) == [4, 10, 13, 15]
    put(browser, "find", "studio")
    assert shown(browser) == [13, 15, 17, 19, 21, 23]
    put(browser, "parameter", "yaw_deg")
    assert browser.find_element("id", "low").get_attribute("placeholder") == "-100"
    put(browser, "high", "70")  # yaw is 10 * index - 100
    assert shown(browser) == [13, 15, 17]
    assert browser.find_element("id", "shown").text == "3 of 12 shown"
    put(browser, "find", "nothing of that name")
    assert shown(browser) == [] and browser.find_element("id", "none").is_displayed()
    browser.find_element("id", "reset").click()
    assert shown(browser) == every
    assert complaints(browser) == []


def test_sorting(browser: "webdriver.Chrome", pages: dict[str, Path]) -> None:
    open_page(browser, pages["pairs"])
    put(browser, "parameter", "source_yaw_deg")
    browser.find_element("id", "sort").click()
    values = browser.execute_script("return [...document.querySelectorAll('.thumb i')].map((e) => +e.textContent)")
    assert len(values) == 10 and values == sorted(values) and len(set(values)) == 10


def test_a_sample_and_its_commands(browser: "webdriver.Chrome", pages: dict[str, Path]) -> None:
    open_page(browser, pages["images"])
    browser.find_elements("css selector", ".thumb")[2].click()
    assert browser.find_element("id", "detail-title").text == "Sample 4"
    folder = pages["images"].with_suffix("")
    assert browser.find_element("id", "detail-show").text == f"synthgen show {folder} 4 -o sample-4"
    assert browser.find_element("id", "detail-python").text.endswith("Recipe.model_validate(dataset.recipe), 4)")
    assert "-60" in browser.find_element("id", "detail-values").text  # its yaw
    assert len(browser.find_elements("css selector", "#detail-pictures img")) >= 7
    browser.find_element("id", "next").click()
    assert browser.find_element("id", "detail-title").text == "Sample 6"
    browser.find_element("css selector", "#detail .copy").click()
    copied = "return document.querySelector('#detail .copy').textContent"
    support.WebDriverWait(browser, 20).until(lambda driver: driver.execute_script(copied) == "copied")
    browser.find_element("id", "close").click()
    put(browser, "number", "7")
    assert browser.find_element("id", "show").text == f"synthgen show {folder} 7 -o sample-7"
    open_page(browser, pages["pairs"])  # shard 1 of 2 is missing
    put(browser, "number", "13")
    assert browser.find_element("id", "show").text == "sample 13 is not in the dataset"
    assert complaints(browser) == []
