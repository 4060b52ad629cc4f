"""The command line: parses, calls, and tells errors to people. Imports nothing heavy before it knows the command."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click
from click.shell_completion import shell_complete

from factory.app.outside import Outside
from factory.errors import ExitCode, FactoryError, UsageError

_COMMANDS = {
    "list": ("declared", "Show the images that the matrix declares."),
    "show": ("declared", "Show all that is known of the named images."),
    "schema": ("declared", "Print the JSON Schema of matrix.toml for editors."),
    "new": ("matrix", "Write the table of a new runtime into the matrix."),
    "lock": ("matrix", "Resolve upstream references to digests, and write the lock."),
    "render": ("rendered", "Write Dockerfiles and docker-bake.json, usable with plain docker."),
    "diff": ("rendered", "Show what rendered output changes against a git revision, or how two images differ."),
    "plan": ("planned", "Show what would be done with each image, and why."),
    "build": ("run", "Build the images."),
    "test": ("run", "Test the built images by invoking them."),
    "push": ("run", "Push the tested images."),
    "release": ("run", "Build, test and push, each image as soon as it is ready."),
    "promote": ("published", "Let the tags that move stand for images that --hold left waiting: all, or none."),
    "catalogue": ("published", "Write a static site of what is published, also as Markdown."),
    "verify": ("published", "Check a published image: signature, provenance, SBOM, the record of its smoke test."),
    "gc": ("published", "List what no tag needs in the registry; delete it with --yes."),
    "emulator": ("machine", "Compile the emulator for each architecture."),
    "doctor": ("machine", "Say what this machine lacks, and the command that mends it."),
}
"""By name, the module of this package that has the command, and its summary."""

_COMPLETE = "_FACTORY_COMPLETE"
"""The variable by which a shell asks for completions."""

_GARBAGE = 50_000
"""Objects between two looks for garbage: a short command makes little, and imports make many objects."""


class Commands(click.Group):
    """The commands, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command; None where there is none of that name."""
        if cmd_name not in _COMMANDS:
            return None
        module, summary = _COMMANDS[cmd_name]
        function = getattr(import_module(f"factory.cli.{module}"), f"{cmd_name}_")
        return click.Command(cmd_name, callback=function, params=function.__click_params__, help=summary)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])


_PROGRAM = Commands(
    name="factory",
    help="Builds, tests and pushes the images that matrix.toml declares.",
    epilog="Each option is also read from the environment: --build-dir as FACTORY_BUILD_DIR, and so on.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def main(arguments: Sequence[str] | None = None, outside: Outside | None = None) -> int:
    """Runs one command; returns its exit status."""
    gc.set_threshold(_GARBAGE)
    if asked := os.environ.get(_COMPLETE):
        return shell_complete(_PROGRAM, {}, "factory", _COMPLETE, asked)
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        status = _call(words, outside or Outside())
        sys.stdout.flush()
    except FactoryError as error:
        print(f"factory: {error}" if error.exit_code != ExitCode.USAGE else str(error), file=sys.stderr)
        return int(error.exit_code)
    except click.ClickException as error:
        return _told(error)
    except KeyboardInterrupt:
        print("factory: interrupted; what was complete is kept", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.DONE)
    except OSError as error:
        print(f"factory: {error}; the next run goes on from what is complete", file=sys.stderr)
        return int(ExitCode.MACHINE)
    return status


def _call(words: list[str], outside: Outside) -> int:
    try:
        with _PROGRAM.make_context("factory", words, obj=outside) as context:
            return int(_PROGRAM.invoke(context))
    except click.exceptions.Exit as ended:  # --help
        return ended.exit_code


def _told(error: click.ClickException) -> int:
    """A mistake on the command line, in one line, and where help is."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        print(error.format_message(), file=sys.stderr)
        return int(UsageError.exit_code)
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "factory"
    print(f"{command}: {error.format_message()}\n    `{command} --help` shows what there is", file=sys.stderr)
    return int(UsageError.exit_code)


if __name__ == "__main__":
    sys.exit(main())
