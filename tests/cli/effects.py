"""Which test shows what each flag changes, and what the tests say of that themselves.

`SETTINGS` has the settings, whose flags many commands share: a test of what the setting does, in one of
them. `OWN` has what a command alone has, or does in its own way. `test_every_flag.py` holds both against
the commands as they are and against the sources of the tests.
"""

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent

_REMOTE = "test_flags.py::test_what_is_known_of_a_remote_model_shapes_what_it_is_asked"
_PROFILE = "test_prompts.py::test_a_flag_of_the_profile_stands_in_the_prompt_and_in_the_journal"
_RULES = "test_flags.py::test_rules_decide_what_runs"
_LIMITS = "test_flags.py::test_a_limit_ends_the_run"
_KEPT = "test_undo.py::test_flags_say_what_is_kept_and_the_rest_is_asked_about"
_PLACES = "test_flags.py::test_workspace_and_journal_say_where"
_WEB = "test_web.py::test_a_run_finds_reads_and_quotes_pages_and_does_not_do_what_a_page_says"
_AGENTS = "test_flags.py::test_how_many_agents_there_may_be_is_a_flag"
_MONEY = "test_flags.py::test_a_limit_in_money_ends_the_run_with_what_it_has"
_SAMPLING = "test_flags.py::test_remote_flags_reach_the_server"

SETTINGS = {
    "approve": _RULES,
    "allow": _RULES,
    "ask": _RULES,
    "base_url": _SAMPLING,
    "batch": "test_flags.py::test_a_batch_may_repeat_itself_and_a_loop_ends_with_its_evidence",
    "best_practices": _PROFILE,
    "calls_per_step": _REMOTE,
    "check": "test_flags.py::test_a_check_sees_the_workspace",
    "constraints": _PROFILE,
    "context_window": _REMOTE,
    "deny": _RULES,
    "domains": "test_flags.py::test_domains_are_the_only_hosts_that_are_reached",
    "embeddings": "test_indexing.py::test_vectors_of_a_server_count_beside_words_and_no_other_model_is_taken",
    "goals": _PROFILE,
    "idle_seconds": "test_servers.py::test_a_silent_server_is_given_up",
    "index": "test_indexing.py::test_a_dry_run_needs_no_index_and_makes_none",
    "inside": _WEB,
    "journal": _PLACES,
    "kept_file_mb": _KEPT,
    "kept_total_mb": _KEPT,
    "keys": "test_rewind.py::test_the_keys_can_be_those_of_vi",
    "larger_model": "test_flags.py::test_a_larger_model_finds_the_way_out_of_a_loop_and_is_remembered",
    "max_agent_depth": _AGENTS,
    "max_agents": _AGENTS,
    "max_cost": _MONEY,
    "max_output_tokens": _REMOTE,
    "max_seconds": _LIMITS,
    "max_steps": _LIMITS,
    "max_tokens": _LIMITS,
    "max_tool_seconds": "test_flags.py::test_a_limit_on_the_seconds_of_tools_cuts_a_command_off",
    "memory": "test_memory.py::test_what_a_run_remembers_is_listed_found_and_forgotten",
    "memory_days": "test_memory.py::test_what_is_older_than_the_file_keeps_things_goes_by_itself",
    "memory_file": "test_memory.py::test_the_file_and_the_person_are_settings_like_any",
    "model": "test_headless.py::test_a_run_forks_and_goes_on_at_once_with_another_model",
    "most_tools": "test_flags.py::test_of_more_tools_than_a_remote_model_can_take_packs_are_shown_on_request",
    "name": _PROFILE,
    "output": "test_flags.py::test_json_is_one_object",
    "output_schema": "test_headless.py::test_an_answer_of_the_form_is_printed_and_nothing_else",
    "packs": "test_flags.py::test_packs_add_tools_and_a_name_that_is_none_is_refused",
    "prices": _MONEY,
    "prompts": "test_prompts.py::test_the_folder_of_ones_own_words_can_be_named",
    "resources": _PROFILE,
    "retries": "test_servers.py::test_a_server_that_only_fails_is_given_up_with_its_own_words",
    "role": _PROFILE,
    "search": _WEB,
    "seed": _SAMPLING,
    "strategy": "test_prompts.py::test_a_plan_of_calls_is_carried_out_in_two_model_calls",
    "temperature": _SAMPLING,
    "text_calls": "test_flags.py::test_calls_written_as_text_are_run_where_their_form_is_declared",
    "thoughts": "test_flags.py::test_thoughts_without_their_first_tag_are_no_answer_where_that_is_said",
    "unkept": _KEPT,
    "workspace": _PLACES,
}
"""By the name of the setting."""

_NO_JOURNAL = "test_runs.py::test_looking_into_a_journal_that_is_not_there_says_so_and_makes_none"
_MEMORIES = (
    "test_less_used_flags.py::"
    "test_every_command_of_a_memory_works_on_the_file_and_for_the_person_that_are_named"
)
_MEMORY = dict.fromkeys(("--memory", "--memory-file"), _MEMORIES)
_SHOWN = "test_memory.py::test_what_a_run_remembers_is_listed_found_and_forgotten"
_BY_ORIGIN = "test_memory.py::test_facts_are_forgotten_by_where_they_come_from"
_ONE_BY_ONE = "test_memory.py::test_one_fact_one_message_or_all_old_messages_are_forgotten"
_WORDS = "test_prompts.py::test_the_folder_of_ones_own_words_can_be_named"
_OTHER_PROJECT = "test_less_used_flags.py::test_prompts_are_listed_and_compared_for_another_project"
_OTHER_RULES = "test_less_used_flags.py::test_the_rules_of_another_folder_are_listed_and_removed"
_FOUND = "test_indexing.py::test_what_a_search_rests_on_is_shown_and_printed_as_json"
_ASKED = "test_less_used_flags.py::test_an_answer_rests_on_no_more_pieces_and_no_others_than_it_is_asked_for"
_PLANNED = "test_plan.py::test_a_shape_is_planned_for_in_each_precision"
_ROUNDED = "test_quantise.py::test_a_model_is_rounded_by_a_text_and_known_afterwards"
_BUSY = "test_serve.py::test_the_name_how_much_is_taken_at_once_and_how_long_the_end_waits_are_flags"
_RETENTION = "test_runs.py::test_the_rules_of_retention_choose_by_age_and_by_number"
_FORCE = "test_undo.py::test_what_the_person_changed_since_is_covered_by_force_only"
_OTHER_WORDS = "test_headless.py::test_a_fork_begins_with_the_words_of_another_prompt"

OWN = {
    "": {
        "--resume": "test_repl.py::test_answers_come_one_after_the_other_in_one_run",
        "--version": "test_every_flag.py::test_the_version_is_that_of_the_installed_package",
    },
    "run": {
        "-p": "test_headless.py::test_p_is_a_run_whose_answer_alone_is_on_standard_output",
        "--fork": "test_headless.py::test_a_run_forks_and_goes_on_at_once_with_another_model",
        "--prompt": _OTHER_WORDS,
        "--events": "test_headless.py::test_every_event_is_added_to_a_file_as_it_happens",
    },
    "models plan": {
        "--shape": _PLANNED,
        "--context": _PLANNED,
        "--cache": _PLANNED,
        "--precision": "test_plan.py::test_a_folder_needs_no_weights_to_be_planned_for",
        "--sequences": "test_plan.py::test_a_folder_needs_no_weights_to_be_planned_for",
    },
    "models quantise": {"--calibrate": _ROUNDED, "--out": _ROUNDED, "--tokens": _ROUNDED},
    "why": {"--tool": "test_why.py::test_another_tool_that_runs_commands_can_be_asked_about"},
    "rules": {"--workspace": _OTHER_RULES},
    "rules rm": {"--workspace": _OTHER_RULES},
    "doctor": {
        "--endpoint": "test_doctor.py::test_the_profile_of_a_server_is_settings_that_work",
        "--seconds": "test_doctor.py::test_a_server_that_no_agent_can_work_with_is_exit_code_1",
        "--json": "test_doctor.py::test_a_server_as_json",
        "--journal": "test_doctor.py::test_a_journal_that_is_none_is_said",
        "--workspace": "test_doctor.py::test_a_workspace_that_is_not_there_is_said",
    },
    "config show": {"--origin": "test_flags.py::test_every_flag_of_a_setting_is_shown_with_its_origin"},
    "runs list": {
        "--output": "test_flags.py::test_agents_are_offered_as_a_pack_and_shown_with_the_run_they_work_for",
        "--journal": _NO_JOURNAL,
    },
    "runs show": {
        "--output": "test_flags.py::test_jsonl_is_one_event_a_line",
        "--html": "test_page.py::test_the_page_of_a_run_is_a_new_private_file",
        "--journal": _NO_JOURNAL,
    },
    "runs resume": {
        "--force": "test_terminal.py::test_a_run_at_work_is_not_resumed_unless_it_is_forced",
        "--events": "test_headless.py::test_a_resumed_run_goes_on_in_the_same_file",
        "--journal": _NO_JOURNAL,
    },
    "runs undo": {
        "--to": "test_undo.py::test_a_run_is_undone_step_by_step_and_redone",
        "--force": _FORCE,
        "--journal": _NO_JOURNAL,
    },
    "runs redo": {"--force": _FORCE, "--journal": _NO_JOURNAL},
    "runs diff": {
        "--output": "test_undo.py::test_a_diff_shows_what_the_run_changed_in_words_and_lines",
        "--journal": _NO_JOURNAL,
    },
    "runs export": {"--journal": _NO_JOURNAL},
    "runs import": {"--journal": "test_foreign.py::test_it_is_not_picked_without_its_name"},
    "runs fork": {
        "--model": _OTHER_WORDS,
        "--prompt": _OTHER_WORDS,
        "--workspace": "test_headless.py::test_a_fork_is_made_for_another_folder_and_goes_on_there_later",
        "--journal": _NO_JOURNAL,
    },
    "runs replay": {
        "--output": "test_replay.py::test_a_run_comes_out_again_offline_and_without_its_model",
        "--journal": _NO_JOURNAL,
    },
    "runs accept": {"--journal": _NO_JOURNAL},
    "runs rm": {
        "--older-than": _RETENTION,
        "--keep": _RETENTION,
        "--yes": "test_runs.py::test_a_named_run_is_removed_when_nobody_has_to_be_asked",
        "--journal": _NO_JOURNAL,
    },
    "prompts list": {"--prompts": _WORDS, "--workspace": _OTHER_PROJECT},
    "prompts show": {
        "--render": "test_prompts.py::test_show_prints_the_file_that_is_used_and_render_fills_it",
        "--prompts": _WORDS,
        "--workspace": "test_prompts.py::test_show_prints_the_file_that_is_used_and_render_fills_it",
    },
    "prompts diff": {"--prompts": _WORDS, "--workspace": _OTHER_PROJECT},
    "memory list": {"--output": _SHOWN, **_MEMORY},
    "memory show": {"--output": _ONE_BY_ONE, **_MEMORY},
    "memory search": {
        "--limit": "test_less_used_flags.py::test_a_search_of_a_memory_shows_no_more_than_it_is_asked_for",
        **_MEMORY,
    },
    "memory about": _MEMORY,
    "memory remember": {"--beside": "test_memory.py::test_a_fact_may_hold_beside_another", **_MEMORY},
    "memory forget": {
        "--fact": "test_memory.py::test_what_was_remembered_by_hand_is_forgotten_with_its_fact",
        "--message": _ONE_BY_ONE,
        "--conversation": _SHOWN,
        "--name": "test_less_used_flags.py::test_what_all_names_is_forgotten_together",
        "--everything": "test_memory.py::"
        "test_what_else_says_the_same_is_named_and_of_whom_all_is_forgotten_no_name_is_left",
        "--yes": _SHOWN,
        **_MEMORY,
    },
    "memory expire": {
        "--conclusions": _BY_ORIGIN,
        "--tools": _BY_ORIGIN,
        "--facts": _BY_ORIGIN,
        "--messages": _ONE_BY_ONE,
        **_MEMORY,
    },
    "memory check": {"--output": _SHOWN, **_MEMORY},
    "memory export": _MEMORY,
    "memory import": {"--as": "test_memory.py::test_a_history_of_langchain_comes_in_and_goes_out", **_MEMORY},
    "index": {
        "--dry-run": "test_indexing.py::test_a_dry_run_prints_the_plan_and_does_nothing",
        "--allow-shrink": "test_indexing.py::test_a_folder_that_lost_much_is_refused_until_it_is_allowed",
        "--anew": "test_indexing.py::test_who_has_no_model_of_vectors_is_told_the_line_that_gets_one",
        "--forget": "test_indexing.py::test_what_is_forgotten_leaves_no_byte",
    },
    "search": {"--limit": _FOUND, "--where": _FOUND, "--json": _FOUND, "--explain": _FOUND},
    "ask": {"--limit": _ASKED, "--where": _ASKED, "--json": _ASKED},
    "eval": {
        "--out": "test_eval.py::test_model_says_who_answers_and_out_where_the_log_goes",
        "--only": "test_eval.py::test_only_and_limit_choose_cases",
        "--limit": "test_eval.py::test_only_and_limit_choose_cases",
        "--parallel": "test_eval.py::test_parallel_says_how_many_cases_are_at_work_at_a_time",
        "--at-least": "test_eval.py::test_fewer_reached_than_asked_for_is_an_exit_code_of_its_own",
        "--compare": "test_eval.py::test_compare_tests_two_logs_on_the_same_cases",
    },
    "train": {
        "--out": "test_train.py::test_full_fine_tuning_names_the_model_it_wrote",
        "--minutes": "test_train.py::test_a_training_out_of_time_says_how_to_go_on",
        "--resume": "test_train.py::test_a_training_out_of_time_says_how_to_go_on",
        "--devices": "test_train.py::test_several_devices_are_told_of_and_change_nothing",
        "--curves": "test_train.py::test_the_folder_gets_a_picture_with_what_was_reached",
    },
    "serve": {
        "--host": "test_serve.py::test_an_address_that_others_reach_needs_a_key",
        "--port": "test_serve.py::test_an_address_that_is_taken_is_told_before_anything_is_loaded",
        "--name": _BUSY,
        "--adapter": "test_serve.py::test_adapters_need_names_of_their_own",
        "--device": "test_serve.py::test_a_device_is_served_on_or_refused_in_words",
        "--tensor-parallel": "test_serve.py::test_a_model_that_cannot_be_shared_so_is_refused_in_words",
        "--queue": _BUSY,
        "--most-bytes": _BUSY,
        "--grace": _BUSY,
    },
}
"""By the command, and by one way to write the flag."""


class Source:
    """A file of tests, and what is said in each function with all of the file that it rests on."""

    def __init__(self, path: Path) -> None:
        self._named: dict[str, ast.stmt] = {}
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    self._named[name] = node
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                    self._named[name] = node
                case _:
                    pass

    def nodes(self, name: str) -> list[ast.AST]:
        """Every node of a function, its decorators, and what of this file it names; none where it is not."""
        found: list[ast.AST] = []
        seen: set[str] = set()
        pending = [name]
        while pending:
            one = pending.pop()
            if one in seen or one not in self._named:
                continue
            seen.add(one)
            nodes = list(ast.walk(self._named[one]))
            found += nodes
            pending += [node.id for node in nodes if isinstance(node, ast.Name)]
            pending += [node.arg for node in nodes if isinstance(node, ast.arg)]
        return found

    def words(self, name: str) -> set[str]:
        """Every word in its strings, and `run` where it calls what runs a script."""
        found: set[str] = set()
        for node in self.nodes(name):
            match node:
                case ast.Constant(value=str(text)):
                    found.update(text.replace("=", " ").split())
                case ast.Attribute(attr="run", value=ast.Name(id="cli")):
                    found.add("run")
                case _:
                    pass
        return found

    def can_fail(self, name: str) -> bool:
        """Whether it asserts something."""
        return any(
            isinstance(node, ast.Assert) or (isinstance(node, ast.Attribute) and node.attr in _ASSERTING)
            for node in self.nodes(name)
        )


_ASSERTING = {"raises", "wait_for"}


@cache
def source(file: str) -> Source:
    """The file of this name beside this one."""
    return Source(TESTS / file)
