"""Questions to a model that belong together; each chain is a step like any other (`docs/chains.md`)."""

from agentkit.chains.answering import Answered, Sought, answering, question_answering
from agentkit.chains.citing import cited
from agentkit.chains.conversing import Turn, conversational
from agentkit.chains.extracting import extraction, extraction_of_all, tagging
from agentkit.chains.openapi.chain import ApiAnswered, api_call
from agentkit.chains.openapi.description import Api, read_description
from agentkit.chains.reading import ReadOnlyDatabase, Rows, StatementFault
from agentkit.chains.routing import route_by_embedding, route_by_model, route_by_rule
from agentkit.chains.simple import llm_chain, sequential
from agentkit.chains.sql import SqlAnswered, sql_question_answering
from agentkit.chains.summarising import Progress, summarise
from agentkit.chains.texts import map_documents
from agentkit.chains.voting import Voted, self_consistency

__all__ = [
    "Answered",
    "Api",
    "ApiAnswered",
    "Progress",
    "ReadOnlyDatabase",
    "Rows",
    "Sought",
    "SqlAnswered",
    "StatementFault",
    "Turn",
    "Voted",
    "answering",
    "api_call",
    "cited",
    "conversational",
    "extraction",
    "extraction_of_all",
    "llm_chain",
    "map_documents",
    "question_answering",
    "read_description",
    "route_by_embedding",
    "route_by_model",
    "route_by_rule",
    "self_consistency",
    "sequential",
    "sql_question_answering",
    "summarise",
    "tagging",
]
