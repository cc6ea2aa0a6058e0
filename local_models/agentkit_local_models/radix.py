"""A tree of what was computed before, so that a prompt that begins the same is not computed again.

A radix tree (RadixAttention, Zheng et al. 2024) whose letters are whole pages: a node is a page and the
tokens in it, and the way to it from the root is every token before. The last page of a sequence is often
not full; it is a leaf, and who goes on from it, or from a part of any page, gets a copy.

Keys and values hang on the model and the adapter as well as on the tokens, so each has a tree of its own.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from agentkit_local_models.pages import PAGE, PagedCache, PagePool

_Tokens = tuple[int, ...]


@dataclass(slots=True, eq=False)
class _Node:
    """A page. Only a full one has pages after it."""

    tokens: _Tokens
    page: int
    parent: _Node | None
    used: int = 0  # greater: later
    leased: float = 0.0  # until when, on the tree's clock
    children: dict[_Tokens, _Node] = field(default_factory=dict[_Tokens, "_Node"])


class PrefixTree:
    """Pages by the tokens that lead to them; one thread at a time may use it."""

    def __init__(self, pool: PagePool, clock: Callable[[], float] = time.monotonic) -> None:
        """An empty tree.

        Args:
            pool: where the pages are.
            clock: seconds, for leases.
        """
        self._pool = pool
        self._clock = clock
        self._roots: dict[str, _Node] = {}
        self._uses = 0

    def take(self, space: str, tokens: Sequence[int], context: int) -> PagedCache:
        """A sequence that begins with `tokens` as far as they are known here.

        Whole pages are shared. What is known of one more page is copied, if the pool has a page for it.

        Args:
            space: the model and adapter.
            tokens: of the sequence.
            context: the most tokens it can grow to.
        """
        path, node = self._follow(space, tokens)
        cache = PagedCache.of(self._pool, context, [one.page for one in path], len(path) * PAGE)
        rest = tokens[cache.length : cache.length + PAGE]
        best, shared = None, 0
        for child in node.children.values():
            if (common := common_length(child.tokens, rest)) > shared:
                best, shared = child, common
        if best is not None:
            self._touch([best])
            # held meanwhile, so that the page is not given away before it is copied
            self._pool.hold([best.page])
            if self._pool.available or self.evict(1):
                cache.pages.append(self._pool.copy(best.page))
                cache.length += shared
            self._pool.release([best.page])
        return cache

    def insert(self, space: str, tokens: Sequence[int], pages: Sequence[int]) -> None:
        """Keep a sequence; where the tree has its pages already, those stay.

        Args:
            space: the model and adapter.
            tokens: whose keys and values the pages have; the last page may be begun.
            pages: in the order of the tokens.
        """
        path, node = self._follow(space, tokens)
        for place in range(len(path) * PAGE, len(tokens), PAGE):
            part = tuple(tokens[place : place + PAGE])
            if any(child.tokens[: len(part)] == part for child in node.children.values()):
                break  # the last page, and there is one that goes on from it
            new = _Node(part, pages[place // PAGE], node)
            self._pool.hold([new.page])
            for child in list(node.children.values()):
                if child.tokens == part[: len(child.tokens)]:  # the new page goes on from it
                    new.leased = max(new.leased, child.leased)
                    self._remove(child)
            node.children[part] = new
            node = new
            self._touch([node])

    def lease(self, space: str, tokens: Sequence[int], seconds: float) -> int:
        """Keep a sequence for a time if there is other room, and say how many of its tokens are there."""
        path, node = self._follow(space, tokens)
        rest = tuple(tokens[len(path) * PAGE :])
        path += [child for child in node.children.values() if rest and child.tokens[: len(rest)] == rest]
        for one in path:
            one.leased = max(one.leased, self._clock() + seconds)
        return min(len(tokens), sum(len(one.tokens) for one in path))

    def forget(self, space: str) -> None:
        """Forget what was computed with an adapter."""
        root = self._roots.pop(space, None)
        if root is not None:
            self._pool.release([node.page for node in _below(root)])

    def evict(self, count: int) -> int:
        """Forget pages that no sequence uses until `count` are free, and say how many were.

        The longest unused go first, ends before what they go on from. Leased ones go only when there
        are no others, those whose lease ends first before the rest.
        """
        now = self._clock()

        def entry(node: _Node) -> tuple[float, int, int, _Node]:
            return (node.leased if node.leased > now else 0.0), node.used, id(node), node

        heap = [entry(node) for node in self._nodes() if self._is_idle(node)]
        heapq.heapify(heap)
        freed = 0
        while heap and freed < count:
            *_, node = heapq.heappop(heap)
            self._remove(node)
            freed += 1
            if node.parent is not None and node.parent.parent is not None and self._is_idle(node.parent):
                heapq.heappush(heap, entry(node.parent))
        return freed

    def clear(self) -> None:
        """Forget everything."""
        self._pool.release([node.page for node in self._nodes()])
        self._roots.clear()

    def __len__(self) -> int:
        return sum(1 for _ in self._nodes())

    def _follow(self, space: str, tokens: Sequence[int]) -> tuple[list[_Node], _Node]:
        """The full pages that are known, and the last of them or the root."""
        node = self._roots.setdefault(space, _Node((), -1, None))
        path: list[_Node] = []
        for place in range(0, len(tokens) - PAGE + 1, PAGE):
            child = node.children.get(tuple(tokens[place : place + PAGE]))
            if child is None:
                break
            path.append(child)
            node = child
        self._touch(path)
        return path, node

    def _touch(self, path: Sequence[_Node]) -> None:
        self._uses += 1
        for node in path:
            node.used = self._uses

    def _is_idle(self, node: _Node) -> bool:
        """Whether nothing goes on from it and only the tree holds its page."""
        return not node.children and self._pool.holders(node.page) == 1

    def _remove(self, node: _Node) -> None:
        assert node.parent is not None
        del node.parent.children[node.tokens]
        self._pool.release([node.page])

    def _nodes(self) -> Iterator[_Node]:
        """All but the roots."""
        for root in self._roots.values():
            yield from _below(root)


def _below(root: _Node) -> Iterator[_Node]:
    """All that come after a page."""
    stack = list(root.children.values())
    while stack:
        node = stack.pop()
        yield node
        stack += node.children.values()


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many tokens two sequences begin with alike."""
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return place
    return min(len(first), len(second))
