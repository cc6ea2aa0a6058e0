"""The pack that searches and reads the web."""

from agentkit.tooling.packs import Pack
from agentkit_tools.web.read import ask_page, ask_web, list_links, read_page, read_table
from agentkit_tools.web.search import search_web

PACK = Pack(
    "web",
    "search the web, read its pages and PDFs, get quotes of what they say to a question",
    (search_web, read_page, ask_page, ask_web, list_links, read_table),
)
