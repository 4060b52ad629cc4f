"""What the instructions of a Dockerfile's last stage are, and what each of them brings."""

from __future__ import annotations

import pytest

from factory.matrix.images import expand
from factory.render.steps import UPSTREAM, Step, of_extra, steps
from factory.render.templates import Rendered, Templates
from tests.dockerfiles import final, instructions
from tests.support import real, renderer_of

IMAGES = {each.stem: each for each in expand(real())}
COPIED = [stem for stem, text in renderer_of(real()).all().items() if "\nCOPY --from=upstream " in text]


def _steps(*lines: str, brings: dict[int, str] | None = None) -> tuple[Step, ...]:
    return steps(Rendered("\n".join([*lines, ""]), brings or {}))


def _rendered(text: str, **context: object) -> Rendered:
    return Templates({"a.j2": text}).render("a.j2", context)


def test_the_last_stage_alone_counts_and_its_from_is_no_step() -> None:
    assert _steps("FROM a AS b", "RUN one", "FROM c", "RUN two", "COPY --from=b /x /x") == (
        Step("RUN two"),
        Step("COPY --from=b /x /x"),
    )
    assert _steps("FROM a") == ()


def test_a_continued_instruction_is_one_step_on_one_line() -> None:
    assert _steps("FROM a", "RUN set -eu; \\", "    one; \\", "    FROM; \\", "", "ENV A=b \\", "    C=d") == (
        Step("RUN set -eu; one; FROM;"),
        Step("ENV A=b C=d"),
    )


def test_mounts_are_not_told() -> None:
    text = "RUN --mount=type=bind,from=x,target=/mnt --mount=type=secret,id=pip \\"
    assert _steps("FROM a", text, "    cp /mnt/a /b") == (Step("RUN cp /mnt/a /b"),)


def test_comments_and_blank_lines_are_no_steps_and_do_not_end_one() -> None:
    lines = ("FROM a", "", "# RUN nothing", "  # neither", "RUN one; \\", "# about two \\", "    two", "", "USER me")
    found = _steps(*lines)
    assert [step.text.split()[0] for step in found] == ["RUN", "USER"]
    assert found[0].text.startswith("RUN one;")


@pytest.mark.parametrize("word", ["END", '"END"', "'END'", "-END"])
def test_the_text_of_a_heredoc_is_no_step(word: str) -> None:
    lines = ("FROM a", f"COPY <<{word} /etc/x", "RUN this", "USER that \\", "# so", "", "END", "RUN real")
    assert [step.text for step in _steps(*lines)] == [f"COPY <<{word} /etc/x", "RUN real"]


def test_two_heredocs_of_one_instruction_end_one_after_the_other() -> None:
    lines = ("FROM a", "COPY <<ONE <<TWO /etc/", "TWO", "ONE", "ONE", "RUN no", "TWO", "RUN real")
    assert [step.text for step in _steps(*lines)] == ["COPY <<ONE <<TWO /etc/", "RUN real"]


def test_a_heredoc_begins_after_its_instruction_is_whole() -> None:
    lines = ("FROM a", "COPY --chmod=755 <<END \\", "    /etc/x", "RUN no", "END", "RUN real")
    assert [step.text for step in _steps(*lines)] == ["COPY --chmod=755 <<END /etc/x", "RUN real"]


def test_a_step_brings_what_its_own_line_was_marked_with() -> None:
    assert _steps("FROM a", "RUN one", "RUN two; \\", "  three", brings={2: "extra x"}) == (
        Step("RUN one"),
        Step("RUN two; three", "extra x"),
    )


def test_marks_vanish_from_the_text_and_stay_with_their_lines() -> None:
    text = "\n\n# A comment.\n\n\n\nFROM a\n{{ brings('extra ' ~ name) }}RUN one\n"
    text += "RUN two\n{{ brings('upstream') }}COPY x y\n"
    rendered = _rendered(text, name="gradle")
    assert rendered.text == "# A comment.\n\nFROM a\nRUN one\nRUN two\nCOPY x y\n"
    assert rendered.brings == {3: "extra gradle", 5: "upstream"}
    assert steps(rendered) == (
        Step("RUN one", of_extra("gradle")),
        Step("RUN two"),
        Step("COPY x y", UPSTREAM),
    )


@pytest.mark.parametrize("stem", sorted(IMAGES))
def test_no_dockerfile_has_a_mark_in_it(stem: str) -> None:
    text = renderer_of(real()).dockerfile(IMAGES[stem])
    assert not [character for character in text if character < " " and character != "\n"]


@pytest.mark.parametrize("stem", sorted(IMAGES))
def test_there_is_a_step_for_each_instruction_of_the_last_stage(stem: str) -> None:
    renderer = renderer_of(real())
    counted = instructions(final(f"\n{renderer.dockerfile(IMAGES[stem])}"))
    assert counted[0][0] == "FROM"
    found = renderer.steps(IMAGES[stem])
    assert len(found) == len(counted) - 1
    assert [step.text.split()[0] for step in found] == [word for word, _ in counted[1:]]


def test_something_is_copied_from_upstream() -> None:
    assert {"python3.13", "build-python3.13"} <= set(COPIED)


@pytest.mark.parametrize("stem", COPIED)
def test_what_is_copied_from_upstream_is_upstreams(stem: str) -> None:
    found = renderer_of(real()).steps(IMAGES[stem])
    copied = [step for step in found if step.text.startswith("COPY --from=upstream ")]
    assert copied
    assert {step.brings for step in copied} == {UPSTREAM}
    assert [step for step in found if step.brings == UPSTREAM] == copied


def test_a_comment_within_an_instruction_and_a_heredoc_that_speaks_of_from() -> None:
    text = "FROM a\nCOPY <<end /x\nFROM nowhere\nend\nRUN one && \\\n# a comment\n    two\nCMD x\n"
    assert [step.text for step in steps(Rendered(text, {}))] == ["COPY <<end /x", "RUN one && two", "CMD x"]
