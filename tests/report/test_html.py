"""The HTML page: self-contained, inert whatever stands in a result, and complete."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from benchtui.core.documents import Outcome
from benchtui.core.text import clean_line
from benchtui.report.html_page import render_html
from benchtui.report.report_record import report_fields
from benchtui.report.subject import Subject, subject_of
from benchtui.report.writing import report_of
from tests.report.conftest import AT
from tests.tui.hostile_text import TEXTS

#: What a text may try where a page shows it.
MARKUP = (
    "</script><script>alert(1)</script><img src=x onerror=alert(1)><a href=javascript:alert(1)>\"'--><!--"
)


CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"


class Page(HTMLParser):
    """Elements with their attributes, and the text of each script and style."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.inside.append(tag)
            (self.scripts if tag == "script" else self.styles).append("")

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if self.inside:
            (self.scripts if self.inside[-1] == "script" else self.styles)[-1] += data
        else:
            self.text.append(data)

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]

    @property
    def words(self) -> str:
        return " ".join(self.text)


def rendered(subject: Subject) -> str:
    return render_html(report_of(subject), report_fields(subject))


@pytest.fixture(scope="module")
def html(subject: Subject) -> str:
    return rendered(subject)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def inert(text: str) -> None:
    """Nothing of a page runs or loads but its own style and script."""
    page = Page(text)
    assert len(page.scripts) == 2
    assert len(page.styles) == 1
    json.loads(page.scripts[0])
    policy = next(one["content"] for one in page.tags("meta") if one.get("http-equiv")) or ""
    for part in (page.styles[0], page.scripts[1]):
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    allowed = {
        "http-equiv",
        "content",
        "name",
        "charset",
        "lang",
        "rel",
        "href",
        "class",
        "id",
        "type",
        "role",
    }
    allowed |= {"scope", "tabindex", "data-sort", "data-kind", "viewbox", "xmlns", "fill", "d", "x", "y", "r"}
    allowed |= {"cx", "cy", "rx", "width", "height", "text-anchor", "patternunits"}
    for tag, attributes in page.elements:
        assert tag not in {
            "img",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
            "audio",
            "video",
            "image",
            "use",
        }
        for name, value in attributes.items():
            assert name in allowed or name.startswith("aria-"), (tag, name)
            if name in {"href", "src", "fill"} and value is not None:
                assert value.startswith(("#", "data:image/svg+xml,", "url(#")), value
    without = text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(src|href|action)\s*=\s*[\"']?(https?:)?//", without)
    assert "@import" not in text
    assert "url(http" not in text


def test_it_needs_nothing_and_forbids_everything_else(html: str):
    inert(html)
    assert "default-src 'none'" in html
    assert "unsafe-inline" not in html
    assert re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", html) is None


@pytest.mark.parametrize("text", TEXTS)
def test_hostile_texts_from_the_bucket_are_inert(record, text: str):
    """Wherever a document of the bucket takes free text, once its reader has cleaned it and as it is."""
    for nasty in (clean_line(f"{MARKUP}{text}"), f"{text[:500]}{MARKUP}"):
        page = rendered(_poisoned(record, nasty))
        inert(page)
        assert not re.search(
            r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page.replace("\n", "")
        )
        assert "<script>alert" not in page
        assert "<img" not in page


def _poisoned(record: Any, nasty: str) -> Subject:
    """The golden run with a text in every field that takes one, of few results so that it is quick."""
    cells = {cell: one for cell, one in record.documents.items() if cell[1] == "stream"}
    documents = {}
    for cell, document in cells.items():
        triad = document.metrics["triad.all"].model_copy(update={"unit": nasty})
        fields = {
            "region": nasty, "zone": nasty, "image_id": nasty, "cpu_model": nasty, "instance_id": nasty,
            "metrics": {"triad.all": triad, nasty: triad}, "declined_metrics": {nasty: nasty},
            "problems": (nasty,), "mode": nasty, "suite_version": nasty,
        }  # fmt: skip
        build = document.build.model_copy(update={"compiler": nasty})
        documents[cell] = document.model_copy(update={**fields, "build": build})
    systems = {
        job: system.model_copy(update={"kernel": nasty, "microcode": nasty, "cpu_model": nasty})
        for job, system in record.systems.items()
    }
    run = record.run.model_copy(
        update={"name": nasty, "benchtui_version": nasty, "schedules": {nasty: nasty}}
    )

    rows = [
        replace(
            row,
            mode=nasty,
            version=nasty,
            zone=nasty,
            cpu_model=nasty,
            price=replace(row.price, basis=nasty, region=nasty) if row.price else None,
            metrics={
                name: replace(one, unit=nasty, doubt=None)
                for name, one in {
                    nasty: row.metrics["triad.all"],
                    "triad.all": row.metrics["triad.all"],
                }.items()
            }
            if row.metrics
            else None,
            problem=nasty if row.problem else None,
        )
        for row in record.rows
        if row.suite == "stream"
    ]
    poisoned = replace(record, run=run, documents=documents, systems=systems, rows=tuple(rows))
    return subject_of([poisoned], at=AT, version=nasty, titles={"stream": nasty})


def test_the_embedded_data_are_those_of_the_comparison(page: Page, subject: Subject):
    data = json.loads(page.scripts[0])
    assert data == json.loads(json.dumps(report_fields(subject)))
    assert data["runs"][0]["run"] == "20261124-021533-gold"
    assert len(data["runs"][0]["cells"]) == len(subject.rows)
    assert data["runs"][0]["cells"][0]["usd_per_hour"] == "0.0725"


def test_the_answer_comes_first_in_words(page: Page):
    sections = [one["id"] for one in page.tags("section")]
    assert sections[0] == "answer"
    assert sections[1] == "compared"
    assert sections[-5:] == ["declined", "doubts", "cost", "method", "provenance"]
    assert "worse: 0.659 times the baseline" in page.words
    assert "c7i.large against c7g.large, 8 headline metrics: better in 3, worse in 5" in page.words


def test_every_figure_has_its_table_its_words_and_what_it_stands_on(page: Page, html: str):
    figures = re.findall(r"<figure id=.*?</figure>", html, flags=re.S)
    assert len(figures) >= 9
    for figure in figures:
        assert "<table>" in figure
        assert 'role="img"' in figure
        described = re.search(r"<desc[^>]*>(.+?)</desc>", figure)
        assert described
        assert "c7g.large" in described[1]
        for word in (
            "instances per type",
            "95 % intervals",
            "prices: on demand, pricing-api",
            "as of 2026-11-24",
        ):
            assert word in figure
        for word in ("us-west-2", "ami-0", "version 1", "benchtui 0", "20261124-021533-gold"):
            assert word in figure
    ids = [one["id"] for _, one in page.elements if one.get("id")]
    assert len(ids) == len(set(ids))


def test_every_heading_sorts_by_a_button_and_says_how(page: Page):
    heads = [one for one in page.tags("th") if one.get("scope") == "col"]
    assert heads
    assert all(one.get("aria-sort") == "none" for one in heads)
    assert len(page.tags("button")) == len(heads)
    assert all(one.get("type") == "button" for one in page.tags("button"))


def test_what_is_missing_and_doubtful_is_told(page: Page):
    words = page.words
    assert "LOST: no heartbeat for 90 s" in words
    assert "budget: too little left" in words
    assert "no AVX512-FP16" in words
    assert "c7g.large-4 lies apart from the other instances of c7g.large" in words
    assert "c7i.large-4 hpl failed: residual.all: 17.2, limit 16.0" in words
    assert "2 instances, 3 needed" in words
    assert "53 cells were planned: 40 measured, 13 not" in words


def test_provenance_names_instances_kernels_and_hashes(page: Page, record):
    words = page.words
    assert record.sha256["c7g.large-1", "stream"] in words
    assert "6.1.0-18-cloud-arm64" in words
    assert "gcc (Debian 12.2.0-14) 12.2.0" in words
    assert record.run.bundle_sha256 in words


def test_an_unknown_number_is_a_dash_and_never_zero(html: str):
    row = re.search(r"<tr><th scope=\"row\"[^>]*>c8g\.large</th><td class=\"num\" data-sort=\"0", html)
    assert row  # n = 0 where a suite was declined
    assert re.search(r"<td class=\"num\">–</td>", html)


def test_a_run_without_any_figure_says_why(lying):
    def nothing(document: Any) -> Any:
        fields = {"outcome": Outcome.DECLINED, "reason": "no compiler", "metrics": {}, "verified": None}
        return document.model_copy(update=fields)

    page = Page(rendered(subject_of([lying(nothing)], at=AT, version="0.1.0")))
    assert "Nothing was measured" in page.words
    assert "no compiler" in page.words
    assert not page.tags("figure")
