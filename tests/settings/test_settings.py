import copy
import os
import pickle
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.core.errors import SettingsError
from agentkit.core.usage import Price
from agentkit.settings import Settings, load_settings
from agentkit.settings.given import Given
from agentkit.settings.project import ALLOWED
from agentkit.settings.values import FIELDS, FLAGS, LISTS, expected

HOME = Path("/home/ada")
CWD = Path("/home/ada/notes")
USER_FILE = HOME / ".config/agentkit/config.toml"
PROJECT_FILE = CWD / "agentkit.toml"

EXAMPLES: dict[str, tuple[str, str, Any]] = {
    # setting: as TOML, as a variable, what it means
    "model": ('"openai:m"', "openai:m", "openai:m"),
    "domains": ('["example.org"]', "example.org", ("example.org",)),
    "inside": ('["localhost:8888", "wiki"]', "localhost:8888, wiki", ("localhost:8888", "wiki")),
    "search": ('["brave", "searxng:http://s/"]', "brave, searxng:http://s/", ("brave", "searxng:http://s/")),
    "packs": ('["git", "jobs"]', "git, jobs", ("git", "jobs")),
    "larger_model": ('"openai:l"', "openai:l", "openai:l"),
    "batch": ('["run_shell"]', "run_shell", ("run_shell",)),
    "workspace": ('"/w"', "/w", Path("/w")),
    "approve": ('"read"', "read", "read"),
    "deny": ('["run_shell", "writes outside"]', "run_shell, writes outside", ("run_shell", "writes outside")),
    "ask": ('["network"]', "network", ("network",)),
    "allow": ('["network"]', "network", ("network",)),
    "unkept": ('["data", "*.iso"]', "data, *.iso", ("data", "*.iso")),
    "kept_file_mb": ("9", "9", 9),
    "kept_total_mb": ("99", "99", 99),
    "max_steps": ("7", "7", 7),
    "max_seconds": ("60", "60", 60.0),
    "max_tokens": ("9", "9", 9),
    "max_cost": ("0.5", "0.50", Decimal("0.5")),
    "max_tool_seconds": ("2.5", "2.5", 2.5),
    "max_agents": ("2", "2", 2),
    "max_agent_depth": ("1", "1", 1),
    "prices": (
        '{"openai:m" = {input = 0.15, output = 0.6}}',
        "openai:m=0.15/0.6",
        {"openai:m": Price(Decimal("0.15"), Decimal("0.6"))},
    ),
    "check": ('"make test"', "make test", "make test"),
    "strategy": ('"rewoo"', "rewoo", "rewoo"),
    "name": ('"Ada"', "Ada", "Ada"),
    "role": ('"a clerk, patient"', "a clerk, patient", "a clerk, patient"),
    "goals": ('["One, two."]', "One, two.", ("One, two.",)),
    "constraints": ('["Be brief.", "Be kind."]', "Be brief.\nBe kind.", ("Be brief.", "Be kind.")),
    "resources": ('["The files."]', "The files.", ("The files.",)),
    "best_practices": ('["Look twice."]', "Look twice.", ("Look twice.",)),
    "output": ('"jsonl"', "jsonl", "jsonl"),
    "base_url": ('"http://127.0.0.1:8000/v1"', "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
    "temperature": ("0.5", "0.5", 0.5),
    "seed": ("3", "3", 3),
    "retries": ("0", "0", 0),
    "idle_seconds": ("1.5", "1.5", 1.5),
    "context_window": ("8192", "8192", 8192),
    "max_output_tokens": ("512", "512", 512),
    "calls_per_step": ("1", "1", 1),
    "most_tools": ("12", "12", 12),
    "text_calls": ('"hermes"', "hermes", "hermes"),
    "thoughts": ('"opened"', "opened", "opened"),
    "keys": ('"vi"', "vi", "vi"),
    "journal": ('"/j.db"', "/j.db", Path("/j.db")),
    "embeddings": ('"local:minilm"', "local:minilm", "local:minilm"),
    "index": ('"/i.db"', "/i.db", Path("/i.db")),
    "memory": ('"shop/ann"', "shop/ann", "shop/ann"),
    "memory_file": ('"/m.db"', "/m.db", Path("/m.db")),
    "memory_days": ("30", "30", 30.0),
    "skills": ('"/s"', "/s", Path("/s")),
    "prompts": ('"/p"', "/p", Path("/p")),
    "output_schema": ('"/s.json"', "/s.json", Path("/s.json")),
}


def load(
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    user: str | None = None,
    project: str | None = None,
) -> Settings:
    files = {USER_FILE: user, PROJECT_FILE: project}
    return load_settings(flags or {}, {"HOME": str(HOME), **(environ or {})}, CWD, files.get)


def origin(settings: Settings, name: str) -> str:
    return next(source for described, _, source in settings.described() if described == name)


def refusal(**sources: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load(**sources)
    return str(caught.value)


def test_every_setting_has_an_example_here_and_words_for_what_it_may_be() -> None:
    assert set(EXAMPLES) == set(FIELDS)
    assert all(expected(name) for name in FIELDS)


def test_every_setting_that_code_can_give_is_known_to_an_editor() -> None:
    # the model is a parameter of its own, nothing is printed, and nobody types
    assert set(Given.__annotations__) == set(FIELDS) - {"model", "output", "keys"}


@pytest.mark.parametrize("name", FIELDS)
def test_a_setting_is_read_from_the_user_file(name: str) -> None:
    toml, _, meaning = EXAMPLES[name]
    settings = load(user=f"{name} = {toml}")
    assert getattr(settings, name) == meaning
    assert origin(settings, name) == str(USER_FILE)


@pytest.mark.parametrize("name", FIELDS)
def test_a_setting_is_read_from_the_environment(name: str) -> None:
    _, text, meaning = EXAMPLES[name]
    variable = f"AGENTKIT_{name.upper()}"
    settings = load(environ={variable: text})
    assert getattr(settings, name) == meaning
    assert origin(settings, name) == variable


@pytest.mark.parametrize("name", FIELDS)
def test_a_setting_is_read_from_a_flag(name: str) -> None:
    _, _, meaning = EXAMPLES[name]
    settings = load(flags={name: str(meaning) if isinstance(meaning, Path) else meaning})
    assert getattr(settings, name) == meaning
    assert origin(settings, name) == FLAGS.get(name, f"--{name.replace('_', '-')}")


@pytest.mark.parametrize("name", FIELDS)
def test_a_project_file_sets_what_narrows_and_nothing_else(name: str) -> None:
    toml, _, meaning = EXAMPLES[name]
    if name in ALLOWED:
        settings = load(project=f"{name} = {toml}")
        assert getattr(settings, name) == meaning
        assert origin(settings, name) == str(PROJECT_FILE)
    else:
        said = refusal(project=f"{name} = {toml}")
        assert said.startswith(f"{PROJECT_FILE}: {name} is not for a project's file")


@pytest.mark.parametrize("name", FIELDS)
def test_a_wrong_value_is_refused_in_every_source_with_what_would_work(name: str) -> None:
    # TOML's date is no setting's value
    assert refusal(user=f"{name} = 1979-05-27").startswith(f"{USER_FILE}: {name}")
    assert refusal(flags={name: object()}).endswith(expected(name))
    wrong = {
        **dict.fromkeys(
            ("workspace", "journal", "index", "memory_file", "prompts", "skills", "output_schema"), "\0"
        ),
        "model": "",
        "embeddings": "",
        "larger_model": "",
        "check": "",
    }
    if name not in LISTS:  # a list of any words is a list of rules; the policy knows their names
        assert expected(name) in refusal(flags={name: wrong.get(name, "\0 wrong")})


SOURCES = ("user", "environ", "flags")


@given(st.dictionaries(st.sampled_from(SOURCES), st.integers(1, 10**6)))
def test_the_strongest_source_that_speaks_is_heard(said: dict[str, int]) -> None:
    written = {
        "user": lambda steps: {"user": f"max_steps = {steps}"},
        "environ": lambda steps: {"environ": {"AGENTKIT_MAX_STEPS": str(steps)}},
        "flags": lambda steps: {"flags": {"max_steps": steps}},
    }
    sources: dict[str, Any] = {}
    for source, steps in said.items():
        sources |= written[source](steps)
    speaking = [source for source in SOURCES if source in said]
    assert load(**sources).max_steps == (said[speaking[-1]] if speaking else 40)


_rules = st.lists(st.sampled_from(["run_shell", "delete_file", "network", "writes outside"]), max_size=3)


@given(_rules, _rules, _rules, _rules)
def test_rules_add_up_so_that_no_source_takes_one_back(
    user: list[str], project: list[str], variable: list[str], flag: list[str]
) -> None:
    settings = load(
        flags={"deny": tuple(flag)},
        environ={"AGENTKIT_DENY": ",".join(variable)},
        user=f"deny = {user!r}",
        project=f"deny = {project!r}",
    )
    assert set(settings.deny) == {*user, *project, *variable, *flag}
    assert len(settings.deny) == len(set(settings.deny))


_modes = st.sampled_from(["read", "ask", "auto", "all"])
_maybe_steps = st.none() | st.integers(1, 100)


@given(_modes | st.none(), _modes | st.none(), _maybe_steps, _maybe_steps)
def test_a_project_file_never_widens(
    user_mode: str | None, project_mode: str | None, user_steps: int | None, project_steps: int | None
) -> None:
    def toml(mode: str | None, steps: int | None) -> str:
        lines = [f'approve = "{mode}"'] if mode else []
        return "\n".join([*lines, f"max_steps = {steps}"] if steps else lines)

    user, project = toml(user_mode, user_steps), toml(project_mode, project_steps)
    without = load(user=user)
    too_loose = (user_mode is None and project_mode == "all") or (
        user_steps is None and project_steps is not None and project_steps > 40
    )
    if too_loose:
        assert "looser than the default" in refusal(user=user, project=project)
        return
    settings = load(user=user, project=project)
    modes = ["read", "ask", "auto", "all"]
    strictest = min(modes.index(mode) for mode in (without.approve, project_mode) if mode)
    assert modes.index(settings.approve) == strictest
    assert settings.max_steps == min(steps for steps in (without.max_steps, project_steps) if steps)


def test_the_person_outranks_the_project() -> None:
    settings = load(flags={"approve": "all"}, project='approve = "read"')
    assert settings.approve == "all"


def test_an_unknown_setting_is_refused_with_the_names_it_may_mean() -> None:
    assert refusal(user="max_step = 1") == (
        f"{USER_FILE}: 'max_step' is not a setting; did you mean max_steps or max_cost or max_tokens?"
    )
    assert refusal(project="aprove = 1").startswith(
        f"{PROJECT_FILE}: 'aprove' is not a setting; did you mean approve"
    )
    assert refusal(environ={"AGENTKIT_MODLE": "x"}).startswith("AGENTKIT_MODLE: 'modle' is not a setting")
    assert "did you mean model" in refusal(environ={"AGENTKIT_MODLE": "x"})
    assert "known: model, workspace," in refusal(flags={"zzz": 1})
    assert "'origins' is not a setting" in refusal(user="origins = {}")


def test_a_variable_in_lower_case_is_no_setting() -> None:
    assert "is not a setting" in refusal(environ={"AGENTKIT_model": "x"})


def test_the_models_folder_is_the_engines_variable() -> None:
    assert load(environ={"AGENTKIT_MODELS_DIR": "/models"}) == load()


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load(environ={"AGENTKIT_MODEL": "", "OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}) == load()


def test_a_flag_that_was_not_given_leaves_the_setting_alone() -> None:
    assert load(flags={"model": None, "deny": ()}, environ={"AGENTKIT_MODEL": "local:m"}).model == "local:m"


@pytest.mark.parametrize(
    "name",
    ["max_steps", "max_seconds", "max_tokens", "max_cost", "max_tool_seconds", "check", "base_url", "seed"],
)
def test_none_lifts_what_a_weaker_source_set(name: str) -> None:
    toml, _, _ = EXAMPLES[name]
    assert getattr(load(environ={f"AGENTKIT_{name.upper()}": "none"}, user=f"{name} = {toml}"), name) is None
    assert getattr(load(user=f'{name} = "none"'), name) is None


def test_openai_base_url_is_heard_and_ours_is_heard_over_it() -> None:
    theirs = {"OPENAI_BASE_URL": "http://theirs/v1"}
    assert load(environ=theirs).base_url == "http://theirs/v1"
    assert origin(load(environ=theirs), "base_url") == "OPENAI_BASE_URL"
    assert load(environ={**theirs, "AGENTKIT_BASE_URL": "http://ours/v1"}).base_url == "http://ours/v1"


@pytest.mark.parametrize(
    "url", ["ftp://host/v1", "host/v1", "http://", "http://ada:hunter2@host/v1", "http://h?key=hunter2"]
)
def test_an_address_with_a_secret_or_without_a_host_is_refused_and_not_repeated(url: str) -> None:
    said = refusal(flags={"base_url": url})
    assert "hunter2" not in said
    assert said.endswith(expected("base_url"))


def test_paths_start_from_where_they_were_written() -> None:
    assert load(flags={"journal": "j.db"}).journal == CWD / "j.db"
    assert load(environ={"AGENTKIT_JOURNAL": "~/j.db"}).journal == HOME / "j.db"
    assert load(user='prompts = "mine"').prompts == USER_FILE.parent / "mine"
    assert load(flags={"workspace": "~"}).workspace == HOME


def test_files_and_defaults_follow_the_xdg_folders() -> None:
    environ = {"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "HOME": "/h"}
    texts = {Path("/c/agentkit/config.toml"): 'model = "openai:m"'}
    settings = load_settings({}, environ, CWD, texts.get)
    assert settings.model == "openai:m"
    assert settings.journal == Path("/s/agentkit/journal.db")
    assert settings.prompts == Path("/c/agentkit/prompts")
    relative = load_settings({}, {**environ, "XDG_STATE_HOME": "here"}, CWD, texts.get)
    assert relative.journal == Path("/h/.local/state/agentkit/journal.db")


def test_the_workspace_says_whose_project_file_counts() -> None:
    texts = {Path("/w/agentkit.toml"): "max_steps = 3"}
    environ = {"HOME": str(HOME)}
    assert load_settings({"workspace": "/w"}, environ, CWD, texts.get).max_steps == 3
    assert load_settings({}, {**environ, "AGENTKIT_WORKSPACE": "/w"}, CWD, texts.get).max_steps == 3
    assert load_settings({}, environ, CWD, texts.get).max_steps == 40


@pytest.mark.parametrize(
    "text", ["max_steps", "max_steps = 1\nmax_steps = 2", "a = " + "[" * 50_000, f"a = {'9' * 5000}"]
)
def test_what_is_not_toml_is_refused_in_one_line(text: str) -> None:
    said = refusal(project=text)
    assert said.startswith(f"{PROJECT_FILE}: not TOML: ")
    assert "\n" not in said


def test_a_long_wrong_value_is_shown_in_part() -> None:
    assert len(refusal(user=f'approve = "{"x" * 50_000}"')) < 300


def test_a_key_comes_from_its_variable_only() -> None:
    said = "a key is read from OPENAI_API_KEY only"
    assert said in refusal(user='api_key = "sk-hidden"')
    assert said in refusal(project='openai_api_key = "sk-hidden"')
    assert said in refusal(environ={"AGENTKIT_API_KEY": "sk-hidden"})
    assert said in refusal(flags={"api_key": "sk-hidden"})
    assert "sk-hidden" not in refusal(user='api_key = "sk-hidden"')
    settings = load(environ={"OPENAI_API_KEY": "sk-hidden\n"})
    assert settings.api_key is not None
    assert settings.api_key.reveal() == "sk-hidden"
    assert origin(settings, "api_key") == "OPENAI_API_KEY"


def test_the_key_is_never_shown_by_settings() -> None:
    settings = load(environ={"OPENAI_API_KEY": "sk-hidden"})
    assert "sk-hidden" not in repr(settings) + str(list(settings.described()))
    assert b"sk-hidden" not in pickle.dumps(settings)
    assert copy.deepcopy(settings).api_key == settings.api_key


def test_settings_are_described_as_they_would_be_typed() -> None:
    described = {name: value for name, value, _ in load(flags={"deny": ("a", "b")}).described()}
    assert described["deny"] == "a,b"
    assert described["ask"] == "none"
    assert described["max_steps"] == "40"
    assert described["max_tokens"] == "none"
    assert described["workspace"] == str(CWD)
    assert described["api_key"] == "none"


def test_what_is_described_is_read_back_as_the_same() -> None:
    settings = load(flags={name: example[2] for name, example in EXAMPLES.items()})
    environ = {
        f"AGENTKIT_{name.upper()}": value for name, value, _ in settings.described() if name != "api_key"
    }
    again = load(environ=environ)
    assert [row[:2] for row in again.described()] == [row[:2] for row in settings.described()]


def test_replaced_values_are_checked_and_say_so() -> None:
    settings = load(user="max_steps = 3").replacing(max_steps=None, workspace=Path("/w"), approve="read")
    assert (settings.max_steps, settings.workspace, settings.approve) == (None, Path("/w"), "read")
    assert origin(settings, "max_steps") == "caller"
    with pytest.raises(SettingsError, match="max_steps = 0 cannot be"):
        settings.replacing(max_steps=0)
    with pytest.raises(SettingsError, match="did you mean max_steps"):
        settings.replacing(max_step=1)


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        load().model = "other"  # pyright: ignore[reportAttributeAccessIssue]


def on_disk(folder: Path) -> Settings:
    return load_settings({}, {"HOME": str(folder)}, folder)


def test_files_are_read_from_disk(tmp_path: Path) -> None:
    assert on_disk(tmp_path).max_steps == 40
    (tmp_path / "agentkit.toml").write_text("max_steps = 5")
    assert on_disk(tmp_path).max_steps == 5


def test_what_is_no_text_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "agentkit.toml"
    file.write_bytes(b"model = '\xff'")
    with pytest.raises(SettingsError, match="not UTF-8 at byte 9"):
        on_disk(tmp_path)
    file.write_bytes(b"#" * 70_000)
    with pytest.raises(SettingsError, match="longer than"):
        on_disk(tmp_path)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(SettingsError, match="not a file"):
        on_disk(tmp_path)
    file.unlink()
    file.mkdir()
    with pytest.raises(SettingsError, match="not a file"):
        on_disk(tmp_path)


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    loop = tmp_path / "agentkit.toml"
    loop.symlink_to(loop)
    assert on_disk(tmp_path).max_steps == 40  # a link to nothing is nothing
    loop.unlink()
    long = tmp_path / ("x" * 300)
    with pytest.raises(SettingsError, match="cannot be read: File name too long"):
        load_settings({"workspace": str(long)}, {"HOME": str(tmp_path)}, tmp_path)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e12", "ten"])
def test_an_amount_of_money_is_above_nothing_and_finite(text: str) -> None:
    assert expected("max_cost") in refusal(flags={"max_cost": text})


@pytest.mark.parametrize("text", ["m", "m=1", "m=1/2/3/4", "=1/2", "m=1/x", "m=-1/2", "m=nan/2"])
def test_what_is_no_price_is_refused(text: str) -> None:
    assert expected("prices") in refusal(flags={"prices": (text,)})


def test_each_source_gives_prices_of_its_own_and_the_stronger_one_wins() -> None:
    table = '[prices."openai:a"]\ninput = 1\noutput = 2\n[prices."openai:b"]\ninput = 3\noutput = 4'
    prices = load(user=table, flags={"prices": ("openai:b=5/0.5/6",)}).prices
    assert prices == {
        "openai:a": Price(Decimal(1), Decimal(2)),
        "openai:b": Price(Decimal(5), Decimal(6), Decimal("0.5")),
    }
