import pytest

from rag_pipelines.retrieval.sentences import Kind, Sentence, block_of_code, plain, sentences

PAGE = """# Setup guide
The limit is 3.5 GB, e.g. for Dr. Smith in the U.S. office. It was
wrapped here! Really?

- First item. Second sentence.
1. Numbered **bold** item

| name | value |
|------|-------|
| max_connections | 100 |

```python
x = 1
```
---
これは文です。次の文。"""


def cut(text: str) -> list[tuple[Kind, str]]:
    return [(s.kind, text[s.start : s.end]) for s in sentences(text)]


def test_every_kind_of_block_is_cut():
    assert cut(PAGE) == [
        (Kind.HEADING, "Setup guide"),
        (Kind.PROSE, "The limit is 3.5 GB, e.g. for Dr. Smith in the U.S. office."),
        (Kind.PROSE, "It was\nwrapped here!"),
        (Kind.PROSE, "Really?"),
        (Kind.ITEM, "First item."),
        (Kind.ITEM, "Second sentence."),
        (Kind.ITEM, "Numbered **bold** item"),
        (Kind.HEADING, "| name | value |"),
        (Kind.ROW, "| max_connections | 100 |"),
        (Kind.CODE, "x = 1"),
        (Kind.PROSE, "これは文です。"),
        (Kind.PROSE, "次の文。"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "See fig. 3 for details.",
        "Version 1.2.3 is out now.",
        'Say "Stop." in the message.',
        "J. R. Smith wrote it vs. nobody.",
        "Use a file named postgresql.conf here.",
    ],
)
def test_a_dot_inside_a_sentence_does_not_end_it(text: str):
    assert [found for _, found in cut(text)] == [text]


def test_a_block_of_code_is_one_and_keeps_its_indentation():
    text = "So:\n```python\n\n    if x:\n        y = 1\n\n    z\n```\n```\na\n```\nEnd."
    assert cut(text) == [
        (Kind.PROSE, "So:"),
        (Kind.CODE, "    if x:\n        y = 1\n\n    z"),
        (Kind.CODE, "a"),
        (Kind.PROSE, "End."),
    ]


@pytest.mark.parametrize("code", ["x\n```", "x\n```\n\nSo:\n\n```\ny", "x\n  ```\n\nSo."])
def test_a_text_that_was_cut_may_begin_in_code(code: str):
    assert sentences(code, cut=True)[0] == Sentence(0, 1, Kind.CODE)
    assert sentences(code)[0].kind is Kind.PROSE


@pytest.mark.parametrize(
    "text", ["So:\n```\ny\n```", "So:\n\n```\n\ny", "```\n\ny", "x\n```sql\n\ny"]
)
def test_a_text_that_was_cut_need_not_begin_in_code(text: str):
    assert sentences(text, cut=True) == sentences(text)


def test_nothing_in_code_closes_its_fence():
    code = "```\n![](http://evil.example)\n````"
    assert block_of_code(code, "md") == f"`````md\n{code}\n`````"


@pytest.mark.parametrize("text", ["", "\n \n", "---", "```\n```", "|---|"])
def test_what_says_nothing_gives_no_sentence(text: str):
    assert cut(text) == []


def test_markup_is_gone_from_what_is_read():
    assert (
        plain("**See** [the *guide*](http://x/y) | here ![pic](a.png)")
        == "See the guide | here pic"
    )
    assert plain("max_connections * 2 * 3") == "max_connections * 2 * 3"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("See ![a. B](http://x/y) now.", "See a. B now."),
        ("See ![a.", "See ![a."),  # it becomes a picture with what the next sentence begins with
        ("B](http://x/y) now.", "B] now."),
        ("B](<http://x/y", "B]"),
        ('[t]: http://x/y.png "So."', 't: http://x/y.png "So."'),
        ("Go to <http://x/y> or <a@x.y>.", "Go to http://x/y or a@x.y."),
        ('A <img src="http://x/y"> and <a href="http://x">b</a>.', "A and b."),
        ('A <img alt="x.', "A"),
        ("A <a title.", "A"),
        ("A <script>b</script> <IFRAME/src=x>.", "A b ."),
    ],
)
def test_nothing_of_a_page_is_loaded_or_led_to(written: str, read: str):
    assert plain(written) == read


@pytest.mark.parametrize(
    "text", ["Use a List<String> or std::vector<std::string>.", "If a < b and c > d = e.", "f[0]"]
)
def test_what_only_looks_like_a_tag_stays(text: str):
    assert plain(text) == text
