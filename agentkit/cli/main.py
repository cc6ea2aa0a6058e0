"""`agentkit`: the commands and their flags. What a command needs is imported when it runs."""

import re
from typing import Any, Literal

import click

from agentkit.cli import options
from agentkit.cli.completion import SHELLS, embedded_names, print_completion, run_names
from agentkit.cli.documents_group import ask, index, search
from agentkit.cli.measuring import evaluate, train
from agentkit.cli.memory import memory
from agentkit.cli.prompts_group import prompts
from agentkit.cli.runs_group import runs
from agentkit.cli.serving import serve


class Commands(click.Group):
    """The commands; `agentkit -p TEXT` is `agentkit run -p TEXT`, with any flags before or after."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line; one that begins with flags, -p among them, is for run."""
        flags = args[: args.index("--")] if "--" in args else args
        if flags and flags[0].startswith("-") and any(re.match("-p", flag) for flag in flags):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True
)
@click.version_option(package_name="agentkit")
@click.option(
    "--resume", is_flag=False, flag_value="", metavar="[RUN]", help="Go on with RUN; the newest one of here."
)
@options.talk_settings
@click.pass_context
def cli(context: click.Context, resume: str | None, **flags: Any) -> int:
    """Agents that reach goals on your own machine.

    Without a command it opens a conversation at the terminal; /help there tells what can be done.
    """
    if context.invoked_subcommand is None:
        from agentkit.cli.repl.open import talk_command

        return talk_command(flags, resume)
    given = [name for name, value in {"resume": resume, **flags}.items() if value not in (None, (), [])]
    if given:
        from agentkit.settings.values import FLAGS

        flag = FLAGS.get(given[0], f"--{given[0].replace('_', '-')}")
        raise click.UsageError(f"{flag} stands before {context.invoked_subcommand}; write it after that")
    return 0


@cli.command()
@click.argument("goal", required=False)
@click.option(
    "-p",
    "headless",
    is_flag=False,
    flag_value="-",
    metavar="[TEXT]",
    help="GOAL, and nobody is asked anything; also without the word run: agentkit -p TEXT.",
)
@click.option(
    "--fork",
    metavar="RUN[@STEP]",
    shell_complete=run_names,
    help="Go on from RUN as it was after STEP, as a new run, instead of reaching a GOAL.",
)
@options.prompt
@options.run_settings
@options.events
def run(
    goal: str | None,
    headless: str | None,
    fork: str | None,
    prompt: str | None,
    events: str | None,
    **flags: Any,
) -> int:
    """Reach GOAL in the workspace (from standard input when GOAL is - or missing).

    Progress goes to standard error, the result to standard output: its text; with --output json one
    object, also when the run could not begin (then `error` says why); with jsonl each event on a line.

    Exit codes: 0 finished and
    every check passed, 2 usage, 3 the agent could not, 4 budget, 5 stuck, 6 approval denied,
    7 model failure, 8 finished but a check failed; 129, 130 and 143 stopped by a signal (resume it).
    """
    from agentkit.cli.run import Manner, run_command

    manner = Manner(headless is not None, events)
    if headless is not None:
        if goal is not None:
            raise click.UsageError("the goal is given twice, by -p and as GOAL; leave one out")
        goal = headless
    return run_command(goal, fork, prompt, flags, manner)


@cli.group(invoke_without_command=True)
@click.pass_context
def models(context: click.Context) -> None:
    """List the embedded models: licence, size, where they come from, what is ready."""
    if context.invoked_subcommand is None:
        from agentkit.cli.models import list_models

        list_models()


@models.command("fetch")
@click.argument("name", shell_complete=embedded_names)
def models_fetch(name: str) -> None:
    """Get the weights of the embedded model NAME and check them."""
    from agentkit.cli.models import fetch_model

    fetch_model(name)


@models.command("inspect")
@click.argument("name", metavar="PATH", shell_complete=embedded_names)
def models_inspect(name: str) -> None:
    """Tell what the checkpoint at PATH (or an embedded model by name) is, and what memory it takes."""
    from agentkit.cli.models import inspect_model

    inspect_model(name)


@models.command("plan")
@click.argument("name", metavar="[MODEL]", required=False, shell_complete=embedded_names)
@click.option(
    "--shape", metavar="SIZES", help="Instead of MODEL: layers=28,width=4096,heads=32,ffn=13696,..."
)
@click.option(
    "--precision", metavar="NAME", help="float32, bfloat16, float16, int8 or int4; each, if left out."
)
@click.option(
    "--context", type=click.IntRange(1, 1 << 27), help="Tokens kept of a sequence; the model's, if left out."
)
@click.option("--sequences", type=click.IntRange(1, 100_000), default=1, help="How many are kept at once; 1.")
@click.option(
    "--cache",
    type=click.Choice(["float", "int8"]),
    default="float",
    help="What keys and values are kept as; float.",
)
def models_plan(
    name: str | None,
    shape: str | None,
    precision: str | None,
    context: int | None,
    sequences: int,
    cache: Literal["float", "int8"],
) -> None:
    """Tell what memory MODEL would take: an embedded model, a file, or a folder with a config.json."""
    from agentkit.cli.models import plan_model

    plan_model(name, shape, precision, context, sequences, cache)


@models.command("quantise")
@click.argument("name", metavar="MODEL", shell_complete=embedded_names)
@click.option(
    "--calibrate", required=True, metavar="FILE", help="Plain text like what the model will read and write."
)
@click.option("--out", required=True, metavar="FOLDER", help="Where it is written; not there yet.")
@click.option(
    "--tokens", type=click.IntRange(1), default=16_384, help="How many of FILE's are used at most; 16,384."
)
def models_quantise(name: str, calibrate: str, out: str, tokens: int) -> None:
    """Round the weights of MODEL to 4 bits so that little changes on the text in FILE.

    MODEL is an embedded model, a .gguf file or a folder. The result runs as local:FOLDER.
    """
    from agentkit.cli.models import quantise_model

    quantise_model(name, calibrate, out, tokens)


@cli.command()
@options.tools
def tools(**flags: Any) -> None:
    """List the tools, what each can reach, and whether it would run unasked; then the packs."""
    from agentkit.cli.tools import list_tools

    list_tools(flags)


@cli.command()
@click.argument("command", metavar="CMD")
@click.option("--tool", metavar="NAME", default="run_shell", help="Who would run it, such as start_job.")
@options.policy
def why(command: str, tool: str, **flags: Any) -> int:
    """Tell whether an agent may run the shell command CMD here, and which rule says so.

    Each simple command in it is listed with its verdict and where the rule stands; nothing is run.
    Exit codes: 0 it would run unasked, 1 you would be asked, 6 it would be denied, 2 usage.
    """
    from agentkit.cli.why import explain_command

    return explain_command(command, flags, tool)


@cli.group(invoke_without_command=True)
@options.policy
@click.pass_context
def rules(context: click.Context, **flags: Any) -> None:
    """List the rules that hold here and where each stands; rm takes one back that was given at a question."""
    if context.invoked_subcommand is None:
        from agentkit.cli.rules import list_rules

        list_rules(flags)


@rules.command("rm")
@click.argument("rule")
@options.workspace
def rules_rm(rule: str, **flags: Any) -> None:
    """Keep RULE no longer, such as 'run_shell(make test)', for this folder and for everywhere."""
    from agentkit.cli.rules import remove_rule

    remove_rule(rule, flags)


@cli.command()
@click.option("--endpoint", metavar="URL", help="Look at an OpenAI-compatible server instead.")
@click.option(
    "--seconds", type=options.FiniteRange(min=0.1), metavar="N", help="How long its silence is borne; 60."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@options.doctor
def doctor(endpoint: str | None, seconds: float | None, as_json: bool, **flags: Any) -> int:
    """Tell how this machine stands, a line for each thing, and what would mend it.

    With --endpoint, ask a server's model (--model NAME; the first one that it lists by default) what it
    can do: streaming, usage, stop, seed, calls and their form, structured output, context length. What
    is found goes to standard error, and the settings that suit the model to standard output, ready for
    config.toml. Exit code 1 means that something stands in the way.
    """
    from agentkit.cli.doctor import examine_endpoint, examine_machine

    if endpoint is None:
        if seconds is not None:
            raise click.UsageError("--seconds goes with --endpoint: nothing is waited for on this machine")
        return examine_machine(flags, as_json=as_json)
    return examine_endpoint(endpoint, flags.pop("model"), seconds or 60.0, flags, as_json=as_json)


@cli.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, flags and runs.

    For bash and zsh: source <(agentkit completion bash), or zsh. For fish: agentkit completion fish | source.
    """
    print_completion(cli, shell)


@cli.group()
def config() -> None:
    """Show the settings."""


@config.command("show")
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@options.run_settings
def config_show(origin: bool, **flags: Any) -> None:
    """Show every setting as it stands in this folder."""
    from agentkit.cli.config import show_config

    show_config(flags, origin=origin)


for _command in (runs, prompts, memory, index, search, ask, evaluate, train, serve):
    cli.add_command(_command)
