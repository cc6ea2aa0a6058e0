"""Seeded chance, with words to fill folders with."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from random import Random

from episodes import words


class Dice(Random):
    """`random.Random` that also makes names, files and texts. The same seed, the same world."""

    def some(self, values: Sequence[str], low: int, high: int) -> list[str]:
        """Between `low` and `high` different values, in random order."""
        return self.sample(list(values), min(len(values), self.randint(low, high)))

    def maybe(self, chance: float = 0.5) -> bool:
        """True with this chance."""
        return self.random() < chance

    def first_name(self) -> str:
        """A given name of any of many languages."""
        return self.choice(words.FIRST_NAMES)

    def full_name(self) -> str:
        """A given name and a family name."""
        return f"{self.first_name()} {self.choice(words.FAMILY_NAMES)}"

    def city(self) -> str:
        """A city."""
        return self.choice(words.CITIES)

    def noun(self) -> str:
        """A thing, in lower case."""
        return self.choice(words.NOUNS)

    def nouns(self, count: int) -> list[str]:
        """Different things."""
        return self.sample(words.NOUNS, count)

    def adjective(self) -> str:
        """A quality, in lower case."""
        return self.choice(words.ADJECTIVES)

    def made_up(self) -> str:
        """A word that no dictionary has, so that it can only be copied."""
        return "".join(self.choice(words.SYLLABLES) for _ in range(self.randint(2, 3)))

    def code(self) -> str:
        """An identifier such as an order number."""
        letters = "".join(self.choices("ABCDEFGHJKLMNPQRSTUVWXYZ", k=self.randint(1, 3)))
        digits = self.randint(10, 99999)
        return self.choice((f"{letters}-{digits}", f"{letters}{digits}", f"{digits}", f"#{digits}"))

    def day(self) -> str:
        """A date as YYYY-MM-DD."""
        return (date(2021, 1, 1) + timedelta(days=self.randrange(2200))).isoformat()

    def price(self) -> str:
        """An amount with two decimals."""
        return f"{self.randint(1, 400)}.{self.randint(0, 99):02d}"

    def phone(self) -> str:
        """A telephone number that nobody has."""
        return self.choice((f"555-{self.randint(100, 9999):04d}", f"+44 20 7946 0{self.randint(100, 999)}"))

    def email(self, name: str) -> str:
        """An address for a person at a domain that is kept for examples."""
        return f"{name.lower().replace(' ', '.')}@example.{self.choice(('com', 'org', 'net'))}"

    def stem(self) -> str:
        """A file's name without its ending."""
        noun, other = self.nouns(2)
        return self.choice(
            (
                noun,
                noun,
                other,
                f"{noun}_{other}",
                f"{noun}-{other}",
                f"{self.adjective()}_{noun}",
                f"{noun}{self.randint(1, 99)}",
                f"{noun}_{self.randint(2019, 2027)}",
                self.made_up(),
            )
        )

    def file(self, ending: str = "txt", taken: Mapping[str, object] | Sequence[str] = ()) -> str:
        """A path that is not taken, now and then inside a folder."""
        while True:
            folder = f"{self.choice(words.FOLDERS)}/" if self.maybe(0.25) else ""
            path = f"{folder}{self.stem()}.{ending}"
            if path not in taken:
                return path

    def folder(self, taken: Sequence[str] = ()) -> str:
        """A folder's name that is not taken."""
        while True:
            name = self.choice((self.choice(words.FOLDERS), self.noun(), f"{self.noun()}_{self.noun()}"))
            if name not in taken:
                return name

    def sentence(self) -> str:
        """A sentence of a note or letter."""
        return self.choice(words.SENTENCES).format(
            name=self.first_name(),
            other=self.first_name(),
            noun=self.noun(),
            thing=self.noun(),
            adjective=self.adjective(),
            city=self.city(),
            number=self.randint(2, 90),
            day=self.choice(words.WEEKDAYS),
            month=self.choice(words.MONTHS),
        )

    def prose(self, low: int = 2, high: int = 6) -> str:
        """Some sentences, one on each line or in a paragraph."""
        sentences = [self.sentence() for _ in range(self.randint(low, high))]
        return (" " if self.maybe(0.3) else "\n").join(sentences)

    def to_do(self) -> str:
        """A thing to do."""
        return self.choice(words.TO_DO).format(
            name=self.first_name(), noun=self.noun(), thing=self.noun(), city=self.city()
        )

    def some_text(self, ending: str) -> str:
        """A text as a file with this ending may hold it."""
        match ending:
            case "csv":
                keys = self.nouns(self.randint(2, 4))
                rows = [[self.noun(), *[str(self.randint(1, 99)) for _ in keys[1:]]] for _ in range(4)]
                return csv_text(keys, rows)
            case "json":
                return json.dumps({key: self.randint(1, 999) for key in self.nouns(3)}, indent=2)
            case "ini" | "cfg":
                return "\n".join(
                    [f"[{self.noun()}]", *(f"{key} = {self.randint(1, 999)}" for key in self.nouns(3))]
                )
            case "py":
                name = self.noun()
                return f'"""About the {name}."""\n\n\ndef {name}():\n    return {self.randint(1, 99)}\n'
            case "md":
                return f"# {self.noun().capitalize()}\n\n{self.prose()}"
            case _:
                return self.prose()

    def clutter(
        self, files: Mapping[str, str], low: int = 0, high: int = 5, avoid: Sequence[str] = ()
    ) -> dict[str, str]:
        """The files among some others, in random order; no other holds a text that is to be avoided."""
        cluttered = dict(files)
        for _ in range(self.randint(low, high)):
            ending = self.choice(("txt", "txt", "md", "csv", "json", "ini", "py", "log"))
            text = self.some_text(ending)
            if not any(each.lower() in text.lower() for each in avoid):
                cluttered[self.file(ending, cluttered)] = text
        paths = list(cluttered)
        self.shuffle(paths)
        return {path: cluttered[path] for path in paths}


def csv_text(keys: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table with a head."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(keys)
    writer.writerows(rows)
    return out.getvalue()


def ini_text(sections: Mapping[str, Mapping[str, object]]) -> str:
    """Sections with `key = value` lines."""
    return "\n\n".join(
        "\n".join([f"[{name}]", *(f"{key} = {value}" for key, value in keys.items())])
        for name, keys in sections.items()
    )
