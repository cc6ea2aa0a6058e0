"""Names in Chinese, which writes no spaces and no capitals."""

import re
from collections.abc import Iterator

from agentkit.memory.names.entity import Entity, EntityKind

_HAN = r"[\u4e00-\u9fff]"
_SURNAME = (
    "(?:欧阳|司马|上官|诸葛|司徒|东方|皇甫|令狐|慕容|尉迟|[王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾萧田董袁"
    "潘蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤])"
)
_LINK = "我你他她它们在是的了和与跟去到从来把被对向为给让说叫有这那很也都就还不没吗呢吧想要会能可住读请问及或"
"""Characters that stand between names and hardly ever in one."""
_GIVEN = rf"(?:(?![{_LINK}]){_HAN}){{1,2}}"
_CHINESE: tuple[tuple[EntityKind, re.Pattern[str]], ...] = (
    ("work", re.compile(r"《([^《》\n]{1,40})》")),
    ("person", re.compile(rf"(?:我叫|名叫|叫做|名字是|名字叫|我是|姓名[:：])({_SURNAME}{_GIVEN})")),
    (
        "person",
        re.compile(
            rf"({_SURNAME}(?:(?![{_LINK}]){_HAN}){{0,2}}?)(?=先生|女士|小姐|老师|教授|医生|经理|总监|同学|师傅)"
        ),
    ),
    ("person", re.compile(rf"(?:同事|朋友|同学|老师|妻子|丈夫|儿子|女儿|老板)({_SURNAME}{_GIVEN})")),
    ("person", re.compile(rf"(?<!{_HAN})({_SURNAME}{_GIVEN})(?=[说住在是想要去来喜的])")),
    (
        "organisation",
        re.compile(
            rf"({_HAN}{{2,10}}?(?:公司|大学|学院|银行|医院|集团|研究所|研究院|中学|小学|委员会|出版社|协会|基金会))"
        ),
    ),
    ("place", re.compile(rf"({_HAN}{{2,8}}?(?:省|市|县|自治区|特别行政区|镇|机场|火车站|路|街))")),
    (
        "place",
        re.compile(
            rf"(?:住在|来自|去了|到了|搬到|位于|前往|在)((?:(?![{_LINK}工上下里外家学开]){_HAN}){{2,3}})(?=[，。！？、了住工的,.\s]|$)"
        ),
    ),
)


def chinese(text: str) -> Iterator[Entity]:
    """Names by surnames, endings, and the words around them."""
    for kind, pattern in _CHINESE:
        for match in pattern.finditer(text):
            start, end = match.span(1)
            if kind in ("organisation", "place"):
                # whatever links it to the words before is no part of it
                cut = max((text.rfind(sign, start, end) for sign in _LINK), default=-1)
                start = max(start, cut + 1)
            if end - start >= 2:
                yield Entity(text[start:end], kind, start, end)
