"""Documents of the user's: where they come from, how they are cut, and what is said of those that cannot be read."""

import io
import json
import os
import pickle  # noqa: TID251  # as worker processes get their steps
from pathlib import Path

import docx
import pyarrow as pa
import pyarrow.parquet as pq
import pypdf
import pytest
from makepdf import pdf
from pydantic import ValidationError

from homespun.data.records import Fact
from homespun.errors import DataError, MissingExtraError, UsageError
from homespun.sources.documents.look import from_options, look
from homespun.sources.documents.source import DocumentSource

SQUAD = Path(__file__).parents[3] / "shared/data/knowledge_en/squad_200.jsonl"
LONG = "\n\n".join(f"Paragraph {n} says that room {n} has {n + 3} chairs. It has a door as well." for n in range(60))


@pytest.fixture
def folder(tmp_path):
    def write(**files):
        for name, content in files.items():
            path = tmp_path / name.replace("__", "/").replace("_DOT_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write


def read(path, **settings):
    return [record.value for record in DocumentSource(path=str(path), **settings)()]


def lines(*records):
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


# ---- places


def test_a_folder_is_read_in_the_order_of_its_names_with_its_folders_behind(folder):
    root = folder(b_DOT_txt="b", a_DOT_txt="a", sub__c_DOT_md="c", sub__deep__d_DOT_txt="d", B_DOT_TXT="B",
                  picture_DOT_png=b"\x89", _DOT_hidden_DOT_txt="no")  # fmt: skip
    (root / "sub" / "~$c.docx").write_bytes(b"lock")
    (root / "again").symlink_to(root, target_is_directory=True)
    assert [document.id for document in read(root)] == ["B.TXT", "a.txt", "b.txt", "sub/c.md", "sub/deep/d.txt"]
    assert [document.file for document in read(root / "a.txt")] == ["a.txt"]
    assert len(read(root, limit=2)) == 2


def test_a_piece_is_its_span_of_the_file_and_its_id_says_which(folder):
    root = folder(long_DOT_txt=f"\ufeff{LONG}\r\n", short_DOT_txt="Short.")
    pieces = read(root, chunk={"size": 100, "overlap": 20})
    assert [piece.id for piece in pieces] == [*(f"long.txt#{n}" for n in range(1, len(pieces))), "short.txt"]
    assert len(pieces) > 10
    for piece in pieces[:-1]:
        assert LONG[piece.start : piece.end] == piece.text
        assert piece.text.startswith(("Paragraph", "It has"))
    assert read(root, chunk=None)[0].text == LONG
    assert len(read(root)) == 5  # 60 x 18 tokens in pieces of 300, with overlap


def test_settings_that_make_no_sense_are_refused(folder):
    root = folder(a_DOT_txt="a")
    for settings, told in (
        ({"chunk": {"size": 100, "overlap": 60}}, "overlap 60 is more than half of size 100"),
        ({"chunk": 100}, "write {size: 100}, or null to keep documents whole"),
        ({"columns": {"passage": "text"}}, '"passage" is none of id, text, title, category, facts'),
        ({"encoding": "latin-99"}, '"latin-99" is not known'),
    ):
        with pytest.raises(ValidationError, match=told):
            DocumentSource(path=str(root), **settings)
    with pytest.raises(UsageError, match="holds files of text; leave columns out"):
        read(root, columns={"text": "body"})


def test_a_source_survives_the_way_to_another_process(folder):
    source = DocumentSource(path=str(folder(a_DOT_txt="a")), chunk={"size": 50})
    assert pickle.loads(pickle.dumps(source)) == source


# ---- formats


def test_markdown_without_its_marks(folder):
    root = folder(
        a_DOT_md='---\ntitle: "Old name"\ntags: [x]\n---\n# Leave\n\nStaff get **25 days** of [leave](http://x.y) a\n'
        "year (`HR`).\n\n1. Write.\n2. Wait:\n   - one\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "## 休暇\n東京は\n首都です。\n\n"
        "```\n  x = 1\n    y\n```\n<!-- note --><div>Box</div>\n\n![A map](m.png)\n"
    )
    (document,) = read(root)
    assert document.title == "Leave"
    assert document.text == (
        "Leave\n\nStaff get 25 days of leave a year (HR).\n1. Write.\n2. Wait:\n  - one\n\na | b\n1 | 2\n\n休暇\n\n"
        "東京は首都です。\n\n  x = 1\n    y\n\nBox\n\nA map"
    )
    (root / "a.md").write_text("---\ntitle: Name\n---\nText.\n\n## Part\n\n" + "More text here. " * 20)
    assert [piece.title for piece in read(root, chunk={"size": 40, "overlap": 0})] == ["Name", "Name > Part"]


def test_html_is_the_main_part_as_it_is_read(folder):
    page = (
        '<?xml version="1.0" encoding="shift_jis"?><html><head><title>T</title><style>p{}</style></head><body>'
        "<header>Shop</header><nav>Menu</nav><h1>Top <em>one</em></h1><p>Hello<br>you &amp; <b>me</b>,\n all."
        "<p hidden>no"
        "<ul><li>x<ul><li>y</ul><li>z</ul><ol start=3><li>c<li>d</ol><table><tr><th>A<th>B<tr><td>1<td>2</table>"
        "<pre>a  b\n  c</pre><script>no()</script><p><ruby>漢<rp>(</rp><rt>かん</rt></ruby>字は\n"
        "  字です<footer>no</footer>"
    )
    root = folder(a_DOT_html=page.encode("cp932"))
    (document,) = read(root)
    assert document.title == "Top one"
    assert document.text == (
        "Top one\n\nHello\nyou & me, all.\n- x\n- y\n- z\n3. c\n4. d\n\nA | B\n1 | 2\n\na  b\n  c\n\n漢字は字です"
    )
    folder(a_DOT_html="<title>T</title><div>Around</div><main><nav>no</nav><header><h2>In</h2></header>Text</main>")
    assert [(d.title, d.text) for d in read(root)] == [("T > In", "In\n\nText")]
    folder(a_DOT_html="<div>" * 1000 + "deep")
    assert read(root)[0].text == "deep"


def test_pdf_lines_become_paragraphs_and_pieces_know_their_page(folder):
    root = folder(
        a_DOT_pdf=pdf(
            [
                "Hand book 1",
                "Leave . . . . . . . . . 12",
                "The office is open on every working day of a",
                "week and closed on holi-",
                "days.",
            ],
            ["Hand book 2", "東京は日本の首都であり、その人口はとても多い", "とされています。", "終わり"],
            [],
            ["Hand book 4", "The last page is here."],
        )
    )
    source = DocumentSource(path=str(root), chunk={"size": 30, "overlap": 0})
    reading = source.reading()
    pieces = [record.value for record in reading]
    assert [(piece.page, piece.text) for piece in pieces] == [
        (1, "The office is open on every working day of a week and closed on holidays."),
        (2, "東京は日本の首都であり、その人口はとても多いとされています。"),
        (2, "終わり\n\nThe last page is here."),
    ]
    assert [piece.title for piece in pieces] == ["a"] * 3
    assert "a.pdf: 1 of 4 pages hold no text" in "\n".join(reading.told())


def test_docx_with_what_word_shows(folder, tmp_path):
    document = docx.Document()
    document.add_heading("Handbook", 0)
    document.add_heading("Leave", 1)
    paragraph = document.add_paragraph("Staff get ")
    space = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    for xml in (
        f"<w:del {space}><w:r><w:delText>20</w:delText></w:r></w:del>",
        f"<w:ins {space}><w:r><w:t>25</w:t></w:r></w:ins>",
        f"<w:r {space}><w:t xml:space='preserve'> days of </w:t></w:r>",
        f"<w:r {space}><w:ruby><w:rt><w:r><w:t>きゅうか</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>休暇</w:t></w:r>"
        "</w:rubyBase></w:ruby></w:r>",
    ):
        paragraph._p.append(docx.oxml.parse_xml(xml))
    document.add_paragraph("one", style="List Bullet")
    table = document.add_table(2, 2)
    for number, cell in enumerate(cell for row in table.rows for cell in row.cells):
        cell.text = f"c{number}"
    control = f"<w:sdt {space}><w:sdtContent><w:p><w:r><w:t>In a control.</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    document.element.body.insert(-1, docx.oxml.parse_xml(control))
    document.save(tmp_path / "a.docx")
    (read_back,) = read(tmp_path)
    assert read_back.text == (
        "Handbook\n\nLeave\n\nStaff get 25 days of 休暇\n- one\n\nc0 | c1\nc2 | c3\n\nIn a control."
    )
    document.add_heading("Pay", 2)
    document.add_paragraph("Salaries are paid on the last working day of every month, into one account.")
    document.save(tmp_path / "a.docx")
    titles = [piece.title for piece in read(tmp_path, chunk={"size": 30})]
    assert titles == ["Handbook", "Handbook > Leave > Pay"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp932", "euc_jp", "iso2022_jp"])
def test_japanese_encodings_are_told_apart(folder, encoding):
    text = (
        "株式会社の休暇は、年に25日です。\nテストの①ではない表示。"
        if encoding == "cp932"
        else "会社の休暇は、年に25日です。テスト。"
    )
    root = folder(a_DOT_txt=text.replace("\n", "\r\n").encode(encoding))
    source = DocumentSource(path=str(root))
    reading = source.reading()
    assert [record.value.text for record in reading] == [text]
    assert ("read as" in "\n".join(reading.told())) == (not encoding.startswith("utf"))


def test_other_encodings_have_to_be_named(folder):
    root = folder(a_DOT_txt="Le café est fermé à midi.".encode("cp1252"), b_DOT_txt="Fine.")
    with pytest.raises(DataError, match=r"a\.txt is neither UTF-8 nor .* encoding: cp1252"):
        read(root)
    assert read(root, encoding="cp1252")[0].text == "Le café est fermé à midi."
    folder(a_DOT_txt="no mark".encode("utf-16-le"))
    with pytest.raises(DataError, match=r"NUL bytes.* encoding: utf-16-le"):
        read(root)
    folder(a_DOT_txt=b"\xff\xfe\x00")
    with pytest.raises(DataError, match="is not utf-16"):
        read(root)


# ---- records


def test_records_keep_their_ids_titles_categories_and_facts(folder):
    fact = {"subject": "X", "attribute": "weight", "value": "776 g", "sentence": "X weighs 776 g."}
    more = {**fact, "wordings": ["The weight of X is 776 g."], "questions": ["How heavy is X?"]}
    root = folder(documents_DOT_jsonl=lines(
        {"id": "p-1", "category": "product", "title": "X", "text": "X weighs 776 g.", "facts": [fact, more]},
        {"text": " Another. "},
    ), questions_DOT_jsonl=lines({"question": "?", "answer": "!"}))  # fmt: skip
    first, second = read(root)
    assert (first.id, first.title, first.category, first.file) == ("p-1", "X", "product", "documents.jsonl:1")
    assert first.facts == (
        Fact("X", "weight", "776 g", "X weighs 776 g."),
        Fact("X", "weight", "776 g", "X weighs 776 g.", ("The weight of X is 776 g.",), ("How heavy is X?",)),
    )
    assert (second.id, second.text, second.facts, second.end) == ("2", "Another.", (), 8)


def test_records_stay_whole_unless_asked_and_facts_follow_their_piece(folder):
    fact = {"subject": "room 50", "attribute": "chairs", "value": "53 chairs", "sentence": "Room 50 has 53 chairs."}
    root = folder(d_DOT_jsonl=lines({"id": "d", "passage": LONG, "facts": [fact]}))
    assert len(read(root, columns={"text": "passage"})) == 1
    pieces = read(root, columns={"text": "passage"}, chunk={"size": 300})
    assert [bool(piece.facts) for piece in pieces] == [False, False, False, True]
    assert pieces[3].id == "d#4"


def test_csv_and_parquet(folder, tmp_path):
    root = folder(a_DOT_csv='name,body\nd1,"Some\ntext"\n')
    assert [(d.id, d.text) for d in read(root / "a.csv", columns={"id": "name", "text": "body"})] == [
        ("d1", "Some\ntext")
    ]
    pq.write_table(pa.table({"id": [7], "text": ["Some text"]}), tmp_path / "b.parquet")
    assert [d.id for d in read(root / "b.parquet")] == ["7"]
    with pytest.raises(DataError, match="several kinds; name one"):
        read(root)


def test_every_bad_record_is_named_with_its_line(folder):
    fact = {"subject": "X", "attribute": "a", "value": "9", "sentence": "s"}
    path = folder(d_DOT_jsonl=lines(
        {"id": "a", "text": "Fine."},
        {"id": "b", "body": "x"},
        {"id": "c", "text": " "},
        {"id": "a", "text": "Other."},
        {"id": "d", "text": ["x"]},
        {"id": "e", "text": "No number.", "facts": [fact]},
        {"id": "f", "text": "9", "facts": [{"value": "9"}]},
        {"id": "g", "text": "\u200b --"},
    ) + "broken\n") / "d.jsonl"  # fmt: skip
    with pytest.raises(DataError) as caught:
        read(path)
    for told in (
        "8 of 9 cannot be read; mend or remove them, or go on without them by unreadable: skip",
        'd.jsonl:2 has no "text". It has: id, body; say which holds the text: columns: {text: NAME}',
        'd.jsonl:3: "text" is empty',
        'd.jsonl:4 has the id "a" of d.jsonl:1',
        'd.jsonl:5: "text" is no text, but ["x"]',
        'd.jsonl:6: fact 1: the value "9" does not stand in the text, letter for letter',
        "d.jsonl:7: fact 1 lacks subject, attribute, sentence",
        'd.jsonl:8: "text" holds no letter and no digit',
        "d.jsonl:9: not a JSON object",
    ):
        assert told in str(caught.value)
    assert [document.id for document in read(path, unreadable="skip")] == ["a"]


@pytest.mark.skipif(not SQUAD.is_file(), reason="shared data is not here")
def test_real_passages():
    documents = read(SQUAD, columns={"text": "passage"})
    assert len(documents) == 200
    assert documents[0].title == "United Methodist Church"


# ---- bad input


def encrypted(password):
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(["Secret text."])))
    writer.encrypt(password, owner_password="owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_file_of_invisible_characters_holds_no_text(folder):
    with pytest.raises(DataError, match=r"a.txt holds no letter and no digit"):
        read(folder(a_DOT_txt="\u200b -- \ufeff\n", b_DOT_txt="9"))


def test_files_that_cannot_be_read_are_all_named_with_what_to_do(folder):
    root = folder(
        a_DOT_txt="Fine.",
        b_DOT_txt=" \n",
        c_DOT_pdf=b"",
        d_DOT_pdf=pdf([], [], picture=True),
        e_DOT_pdf=encrypted("secret"),
        f_DOT_pdf=pdf(["Cut off."])[:300],
        g_DOT_pdf=b"no pdf at all",
        h_DOT_docx=b"PK\x03\x04 broken",
        i_DOT_docx=b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        j_DOT_html="<html><body><script>draw()</script></body></html>",
        k_DOT_md="---\ntitle: x\n---\n",
    )
    with pytest.raises(DataError) as caught:
        read(root)
    told = str(caught.value)
    for expected in (
        "10 of 11 cannot be read",
        "b.txt is empty",
        "c.pdf is empty",
        "d.pdf holds no text on its 2 pages: it is scanned, or empty. Give it a text layer first (OCR)",
        "e.pdf is encrypted; write a copy without password: qpdf",
        "f.pdf is damaged or no PDF",
        "g.pdf is damaged or no PDF",
        "h.docx is damaged or no DOCX",
        "i.docx is encrypted, or an old .doc",
        "j.html holds no text; a page that is drawn by scripts",
        "k.md is empty",
    ):
        assert expected in told
    source = DocumentSource(path=str(root), unreadable="skip")
    reading = source.reading()
    assert [record.id for record in reading] == ["a.txt"]
    assert reading.told()[0] == "1 document of 11 files"
    assert "10 left out, they cannot be read" in reading.told()[1]


def test_a_pdf_that_anybody_may_open_is_read(folder):
    assert read(folder(a_DOT_pdf=encrypted("")))[0].text == "Secret text."


def test_damage_anywhere_in_a_file_is_no_traceback(folder):
    whole, out = pdf(["Some text that is here.", "And more of it."]), io.BytesIO()
    document = docx.Document()
    document.add_paragraph("Some text that is here.")
    document.save(out)
    for name, data in (("a_DOT_pdf", whole), ("a_DOT_docx", out.getvalue())):
        for cut_at in range(1, len(data), max(1, len(data) // 25)):
            for damaged in (data[:cut_at], data[:cut_at] + b"\xff\x00<<" + data[cut_at + 4 :]):
                root = folder(**{name: damaged})
                try:
                    read(root)
                except DataError as error:
                    assert "1 of 1 cannot be read" in str(error)
        (root / name.replace("_DOT_", ".")).unlink()


def test_the_first_of_two_equal_texts_is_kept_and_both_are_named(folder):
    root = folder(a_DOT_txt="The same  text.", b_DOT_md="The *same*\ntext.", c_DOT_txt="Another text.")
    reading = DocumentSource(path=str(root)).reading()
    assert [record.id for record in reading] == ["a.txt", "c.txt"]
    assert reading.told() == ["2 documents of 3 files", "1 left out, their text came before:\n  b.md repeats a.txt"]


def test_nothing_to_read_says_what_could_be_read(folder, tmp_path):
    for name, told in (
        ("none", "no such file or folder"),
        ("empty", "no document in this folder or below. Readable: .txt, .md, .* It is empty"),
        ("other", r"It holds: .doc, .png \(.doc: save it as .docx\)"),
        ("other/x.doc", 'cannot read ".doc" files; save it as .docx'),
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        folder(other__x_DOT_doc="x", other__y_DOT_png="y")
        with pytest.raises(DataError, match=told):
            read(tmp_path / name)
        with pytest.raises(DataError, match=told):
            DocumentSource(path=str(tmp_path / name)).digest()
    with pytest.raises(DataError, match=r"no document could be read:\n  x.txt is empty"):
        read(folder(bad__x_DOT_txt="") / "bad", unreadable="skip")


@pytest.mark.parametrize(
    ("name", "module", "content"),
    [
        ("a_DOT_pdf", "pypdf", b"x"),
        ("a_DOT_docx", "docx", b"PK"),
        ("a_DOT_html", "lxml", "x"),
        ("a_DOT_md", "markdown_it", "x"),
    ],
)
def test_a_missing_library_names_the_extra(folder, monkeypatch, name, module, content):
    root = folder(**{name: content})
    for loaded in (module, f"{module}.etree", f"{module}.html"):
        monkeypatch.setitem(__import__("sys").modules, loaded, None)
    with pytest.raises(MissingExtraError, match=r"install the extra `documents`: pip install -e '\.\[documents\]'"):
        read(root, unreadable="skip")


def test_names_that_are_no_unicode_are_shown(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    (tmp_path / "cafe\u0301.txt").write_text("y")
    assert {document.id for document in read(tmp_path)} == {"caf\ufffd.txt", "caf\u00e9.txt"}


# ---- before a run


def test_a_look_shows_pieces_with_their_places_and_says_what_is_left_out(folder):
    root = folder(a_DOT_pdf=pdf(["The first page is here.", "End."], ["Page two."]), b_DOT_txt="Four tokens here.")
    folder(c_DOT_txt="", d_DOT_txt="Four tokens  here.")
    told = list(look(from_options(root, chunk=20, skip=True), show=1))
    assert told == [
        "a.pdf, page 1, characters 0 to 39, a, 11 tokens\nThe first page is here. End.\n\nPage two.\n",
        "2 documents of 4 files",
        "1 left out, their text came before:\n  d.txt repeats b.txt",
        "1 left out, they cannot be read:\n  c.txt is empty",
        "15 tokens, 8 a document (4 to 11)",
    ]
    assert from_options(root, chunk=0).chunk is None
    with pytest.raises(UsageError, match="--chunk 5: Input should be greater than or equal to 20; 0 keeps documents"):
        from_options(root, chunk=5)


# ---- digest


def test_the_digest_changes_with_any_file_and_with_nothing_else(folder):
    root = folder(a_DOT_txt="one", sub__b_DOT_txt="two", c_DOT_png="picture")
    source = DocumentSource(path=str(root))
    first = source.digest()
    os.utime(root / "a.txt", ns=(1, 1))
    folder(c_DOT_png="another")
    assert source.digest() == first
    folder(sub__b_DOT_txt="owt")
    second = source.digest()
    (root / "sub" / "b.txt").rename(root / "sub" / "c.txt")
    assert len({first, second, source.digest()}) == 3


def test_the_digest_reads_no_file_again_that_has_not_changed(folder, monkeypatch):
    root = folder(a_DOT_txt="one")
    source = DocumentSource(path=str(root))
    first = source.digest()
    monkeypatch.setattr("homespun.sources.documents.source.file_hash", lambda path: pytest.fail("read again"))
    assert source.digest() == first


def test_a_large_folder_streams(tmp_path):
    for number in range(2000):
        (tmp_path / f"{number:05}.txt").write_text(f"Text {number}.")
    records = DocumentSource(path=str(tmp_path))()
    assert next(records).id == "00000.txt"
    (tmp_path / "01000.txt").unlink()  # read only when its turn comes
    (tmp_path / "01000.txt").write_text("Another text.")
    assert [record.value.text for record in records][999] == "Another text."
