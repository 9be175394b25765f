"""Index pages as servers really write them, and as they should not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchup.resolve.offers.simple_page import IndexFile, PageProblem, parse_names, parse_page

PAGE = "https://index.example/whl/cu126/torch/"
HTML = "text/html; charset=utf-8"
JSON = "application/vnd.pypi.simple.v1+json"
WHEEL = "torch-2.14.1+cu126-cp312-cp312-manylinux_2_28_x86_64.whl"


def files(content: str | bytes, kind: str = HTML, url: str = PAGE) -> tuple[IndexFile, ...]:
    parsed = parse_page(content.encode() if isinstance(content, str) else content, kind, url)
    assert not isinstance(parsed, PageProblem), parsed
    return parsed


def problem(content: bytes, kind: str = HTML) -> PageProblem:
    parsed = parse_page(content, kind, PAGE)
    assert isinstance(parsed, PageProblem), parsed
    return parsed


def test_pytorch_style_page_gives_decoded_name_and_absolute_encoded_url() -> None:
    href = f"/whl/cu126/{WHEEL.replace('+', '%2B')}"
    page = f"""<!DOCTYPE html><html><body><h1>Links for torch</h1>
    <a href="{href}#sha256=AB12" data-dist-info-metadata="sha256=ff" data-core-metadata="sha256=ff">{WHEEL}</a><br/>
    </body></html><!--TIMESTAMP 1-->"""
    assert files(page) == (
        IndexFile(
            filename=WHEEL,
            url=f"https://index.example{href}",
            hashes=(("sha256", "ab12"),),
            metadata=True,
        ),
    )


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("../../files/a-1-py3-none-any.whl", "https://index.example/whl/files/a-1-py3-none-any.whl"),
        ("a-1-py3-none-any.whl", "https://index.example/whl/cu126/torch/a-1-py3-none-any.whl"),
        ("//cdn.example/a-1-py3-none-any.whl", "https://cdn.example/a-1-py3-none-any.whl"),
        ("/x/../y/a-1-py3-none-any.whl", "https://index.example/y/a-1-py3-none-any.whl"),
        ("https://cdn.example/a-1-py3-none-any.whl?v=2", "https://cdn.example/a-1-py3-none-any.whl?v=2"),
        (" a-1-py3-none-any.whl\n", "https://index.example/whl/cu126/torch/a-1-py3-none-any.whl"),
    ],
)
def test_links_are_resolved_against_the_page(href: str, url: str) -> None:
    (file,) = files(f'<a href="{href}">x</a>')
    assert (file.filename, file.url) == ("a-1-py3-none-any.whl", url)


def test_base_address_of_the_page_counts() -> None:
    (file,) = files('<base href="https://other.example/files/"><a href="a-1-py3-none-any.whl">x</a>')
    assert file.url == "https://other.example/files/a-1-py3-none-any.whl"


def test_a_page_from_the_network_cannot_name_local_files() -> None:
    assert files('<h1>Links for a</h1><a href="file:///tmp/a-1-py3-none-any.whl">x</a>') == ()
    (local,) = files('<a href="../f/a-1-py3-none-any.whl">x</a>', url="file:///srv/simple/a/")
    assert local.url == "file:///srv/simple/f/a-1-py3-none-any.whl"


def test_html_attributes_are_unescaped_and_yanked_may_be_bare() -> None:
    first, second, third = files(
        '<a href="a-1-py3-none-any.whl" data-requires-python="&gt;=3.10,&lt;4">a</a>'
        '<a href="a-2-py3-none-any.whl" data-yanked>a</a>'
        '<a href="a-3-py3-none-any.whl" data-yanked="wrong &amp; broken">a</a>'
    )
    assert (first.requires_python, first.yanked, first.metadata) == (">=3.10,<4", None, False)
    assert second.yanked
    assert third.yanked == "wrong & broken"


def test_json_page() -> None:
    page = {
        "meta": {"api-version": "1.1"},
        "name": "torch",
        "files": [
            {
                "filename": WHEEL,
                "url": "/f/torch.whl#frag",
                "hashes": {"md5": "00", "sha256": "AA"},
                "requires-python": ">=3.10",
                "size": 12,
                "yanked": "broken",
                "core-metadata": {"sha256": "bb"},
            },
            {
                "filename": "torch-1.tar.gz",
                "url": "torch-1.tar.gz",
                "hashes": {},
                "yanked": False,
                "requires-python": None,
            },
            {"filename": "torch-2.tar.gz", "url": "torch-2.tar.gz", "hashes": {}, "yanked": True, "size": "big"},
        ],
    }
    first, second, third = files(json.dumps(page), JSON)
    assert first == IndexFile(
        filename=WHEEL,
        url="https://index.example/f/torch.whl",
        hashes=(("sha256", "aa"), ("md5", "00")),
        requires_python=">=3.10",
        yanked="broken",
        size=12,
        metadata=True,
    )
    assert (second.yanked, second.url) == (None, f"{PAGE}torch-1.tar.gz")
    assert third.yanked
    assert third.size is None


def test_json_entries_of_a_wrong_shape_are_left_out() -> None:
    page = {"files": [None, 3, {"filename": 3, "url": "x"}, {"filename": "x"}, {"filename": WHEEL, "url": "y"}]}
    assert [file.filename for file in files(json.dumps(page), JSON)] == [WHEEL]


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"<html><h1>Welcome to the Hotel</h1><form><a href='/login'>Log in</a></form></html>", HTML, "not-a-list"),
        (b"", HTML, "not-a-list"),
        (b"<html><body><a href='a-1-py3-none-any.whl'>a</a><a href='a-2-py3-no", HTML, "truncated"),
        (b'{"files": [{"filename": "a', JSON, "truncated"),
        (b'{"files": oops}', JSON, "not-a-list"),
        (b'{"message": "please log in"}', JSON, "not-a-list"),
        (b"[1, 2]", JSON, "not-a-list"),
        (b"[" * 100_000, JSON, "truncated"),
        (b'{"meta": {"api-version": "2.0"}, "files": []}', JSON, "not-a-list"),
        (b"<a href='a-1-py3-none-any.whl'>a</a>", "text/plain", "wrong-type"),
        (b"\x89PNG", "image/png", "wrong-type"),
        (b"<![if lt IE 9]><![", HTML, "not-a-list"),
    ],
)
def test_what_is_no_package_list_is_a_problem(content: bytes, kind: str, code: str) -> None:
    assert problem(content, kind).code == code


@pytest.mark.parametrize("page", ["<h1>Links for torch</h1>", '<meta name="pypi:repository-version" content="1.0">'])
def test_an_empty_project_page_is_a_list_of_nothing(page: str) -> None:
    assert files(f"<html>{page}</html>") == ()


def test_missing_content_type_is_a_problem() -> None:
    assert isinstance(parse_page(b"<h1>Links for a</h1>", None, PAGE), PageProblem)


def test_a_charset_that_python_does_not_know_is_read_as_utf8() -> None:
    assert files('<a href="a-1-py3-none-any.whl">é</a>', "text/html; charset=x-klingon")


def test_root_listing_names() -> None:
    page = b'<a href="cu126/">cu126</a><a href="/whl/cu130/">x</a><a href="../">up</a><a href="torch/index.html">t</a>'
    assert parse_names(page, "text/html") == ("cu126", "cu130", "index.html")
    projects = json.dumps({"meta": {"api-version": "1.0"}, "projects": [{"name": "torch"}, {"x": 1}]}).encode()
    assert parse_names(projects, JSON) == ("torch",)


@settings(deadline=None)
@given(st.binary(max_size=400), st.sampled_from([HTML, JSON, "text/html; charset=utf-16"]))
def test_no_bytes_make_a_parser_raise(content: bytes, kind: str) -> None:
    parse_page(content, kind, PAGE)
    parse_names(content, kind)


@settings(deadline=None)
@given(st.text(alphabet="<>a!/-[]\"'= href:%#&;\n", max_size=200))
def test_no_markup_makes_a_parser_raise(text: str) -> None:
    parse_page(text.encode(), HTML, PAGE)
