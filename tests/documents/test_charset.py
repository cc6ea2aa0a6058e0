import json
from pathlib import Path

import pytest

from agentkit.documents.charset import charset_of, decode

SIMPLIFIED = (
    "编码是把字符变成字节的办法。网页常常不说自己用的是哪一种，所以读它的程序要自己判断。",
    "北京是中华人民共和国的首都，也是全国的政治和文化中心，城里有许多大学、博物馆和公园。",
    "这个软件可以离线使用，不需要网络，也不会把你的文件发送到别的地方去。",
    "价格：人民币３５元（含税），请在三天以内付款，否则订单会自动取消。",
)
TRADITIONAL = (
    "編碼是把字元變成位元組的辦法。網頁常常不說自己用的是哪一種，所以讀它的程式要自己判斷。",
    "臺北是中華民國的首都，城裡有許多大學、博物館和公園，夜市也很有名。",
    "這個軟體可以離線使用，不需要網路，也不會把你的檔案傳送到別的地方去。",
    "香港的地鐵很方便，早上和傍晚的時候人特別多，最好避開這些時間。",
)
JAPANESE = (
    "このページは日本語で書かれています。文字コードは書かれていません。",
    "東京は日本の首都です。カタカナもあります。",
)
KOREAN = (
    "이 페이지는 한국어로 쓰여 있습니다. 문자 집합은 적혀 있지 않습니다.",
    "서울은 대한민국의 수도이다.",
)
WESTERN = (
    "Die Größe der Dateien beträgt über 10 Gigabyte – ganz schön viel.",
    "Où est passé l’été, à Besançon ?",
)

# actual encoding, header, meta
TABLE = [
    ("gbk", "gbk", "", SIMPLIFIED),
    ("gbk", "", "gb2312", SIMPLIFIED),
    ("gbk", "", "", SIMPLIFIED),
    ("gbk", "utf-8", "gb2312", SIMPLIFIED),
    ("gb18030", "iso-8859-1", "", SIMPLIFIED),
    ("big5", "", "big5", TRADITIONAL),
    ("big5", "", "", TRADITIONAL),
    ("utf-8", "", "", SIMPLIFIED + TRADITIONAL + JAPANESE + KOREAN + WESTERN),
    ("utf-8", "iso-8859-1", "", SIMPLIFIED + WESTERN),
    ("shift_jis", "", "", JAPANESE),
    ("euc_jp", "", "", JAPANESE),
    ("euc_kr", "", "", KOREAN),
    ("iso2022_jp", "", "", JAPANESE),
    ("cp1252", "", "", WESTERN),
    ("cp1252", "utf-8", "iso-8859-1", WESTERN),
    ("koi8-r", "koi8-r", "", ("Кодировка указана в заголовке.",)),
]


@pytest.mark.parametrize(("encoding", "header", "meta", "texts"), TABLE)
def test_every_row_of_the_table_is_read_right(
    encoding: str, header: str, meta: str, texts: tuple[str, ...]
) -> None:
    head = f'<meta charset="{meta}">' if meta else "<meta name=x>"
    for text in texts:
        page = f"<html><head>{head}<title>{text[:12]}</title></head><body><p>{text}</p></body></html>"
        assert decode(page.encode(encoding), header) == page


DATA = Path(__file__).parents[1] / "data/chinese/paragraphs.jsonl"
PARAGRAPHS = [json.loads(line)["text"] for line in DATA.read_text(encoding="utf-8").splitlines()]


def thirds(text: str) -> list[str]:
    return [text[at : at + len(text) // 3] for at in range(0, len(text) - 2, len(text) // 3)][:3]


@pytest.mark.parametrize(("encoding", "header", "meta"), [row[:3] for row in TABLE if row[3] == SIMPLIFIED])
def test_real_pages_are_read_right_nearly_always(encoding: str, header: str, meta: str) -> None:
    pages = [f'<html><meta charset="{meta}"><p>{third}' for text in PARAGRAPHS for third in thirds(text)]
    # what the encoding cannot write is left out
    written = [page.encode(encoding, "ignore") for page in pages]
    right = [decode(data, header) == data.decode(encoding) for data in written]
    assert len(right) == 180
    assert sum(right) / len(right) >= 0.99


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_outdoes_what_is_said(encoding: str) -> None:
    assert decode("标记 mark".encode(encoding), "gbk") == "标记 mark"


def test_a_page_that_is_cut_in_a_character_is_utf8_all_the_same() -> None:
    data = (SIMPLIFIED[0] * 9).encode()[:-1]
    assert charset_of(data) == "utf-8"
    assert decode(data).startswith(SIMPLIFIED[0])


@pytest.mark.parametrize(
    "said", ["rot13", "unicode_escape", "utf-7", "idna", "undefined", "klingon", "\0", "x" * 5000]
)
def test_a_charset_of_no_page_is_not_believed(said: str) -> None:
    assert decode("+ADw-b+AD4- schön".encode(), said) == "+ADw-b+AD4- schön"


def test_a_page_that_says_utf16_in_ascii_is_not_in_it() -> None:
    page = '<meta charset="utf-16"><p>编码!'.encode()
    assert decode(page + b" " * (len(page) % 2)).startswith('<meta charset="utf-16"><p>编码!')


def test_what_is_said_in_a_page_counts_only_at_its_beginning() -> None:
    page = b"<p>" + b"x" * 3000 + b'<meta charset="shift_jis">' + "编码".encode()
    assert decode(page).endswith("编码")
