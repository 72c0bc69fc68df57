import math

from hypothesis import given
from hypothesis import strategies as st
from tiny_student import make_tokenizer

from homespun.models.encoding import Encoder
from homespun.text.prompts import task_messages
from homespun.train.batches import POOL, Example, collate, encode, encode_texts, end_of_turn, plan_batches

GEMMA = (
    "{% for message in messages %}<start_of_turn>{{ message['role'] }}\n{{ message['content'] | trim }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


def test_completion_decodes_to_label_and_end_and_prompt_to_the_scoring_prompt(rows, task, tokenizer):
    encoder = Encoder(tokenizer)
    for row, example in zip(rows, encode(rows, task, "en", tokenizer), strict=True):
        assert tokenizer.decode(example.completion) == row.payload.output + "<|im_end|>"
        assert example.prompt == encoder.prompts([(task_messages(task, row.payload.fields, "en"), "")])[0]


def test_rows_are_asked_in_their_language(rows, task, tokenizer):
    fields = rows[0].payload.fields
    for language in ("en", "ja"):
        (example,) = encode(rows[:1], task, language, tokenizer)
        assert example.prompt == Encoder(tokenizer).prompts([(task_messages(task, fields, language), "")])[0]
    assert task_messages(task, fields, "en") != task_messages(task, fields, "ja")


def test_a_text_is_a_beginning_its_tokens_and_an_end(tokenizer):
    ((example,),) = encode_texts(["ab"], tokenizer, 100)
    assert tokenizer.decode(example.prompt + example.completion) == "<|im_end|>ab<|im_end|>"
    assert len(example.prompt) == 1


def test_a_long_text_is_shown_in_parts_that_predict_every_token_once(tokenizer):
    text = "".join(chr(97 + i % 26) for i in range(100))
    (parts,) = encode_texts([text], tokenizer, 30)
    assert tokenizer.decode([token for part in parts for token in part.completion]) == text + "<|im_end|>"
    assert [len(part) for part in parts] == [26, 26, 26, 27]
    assert all(part.prompt == parts[0].prompt for part in parts)


def test_without_special_tokens_the_first_token_is_given():
    tokenizer = make_tokenizer(None, "<eos>")
    tokenizer.eos_token = None
    ((example,),) = encode_texts(["abc"], tokenizer, 100)
    assert tokenizer.decode(example.prompt) == "a"
    assert tokenizer.decode(example.completion) == "bc"


def test_end_of_turn_is_what_the_template_writes_after_an_answer():
    special = ("<start_of_turn>", "<end_of_turn>", "<eos>")
    tokenizer = make_tokenizer(GEMMA, "<eos>", special)
    assert end_of_turn(tokenizer) == tokenizer.convert_tokens_to_ids("<end_of_turn>")


def test_end_of_turn_without_a_special_token_is_the_end_of_text():
    plain = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"
    for template in (plain, None):
        tokenizer = make_tokenizer(template, "<eos>")
        assert end_of_turn(tokenizer) == tokenizer.convert_tokens_to_ids("<eos>")


lengths = st.lists(st.integers(1, 60), min_size=1, max_size=80)


@given(lengths, st.integers(1, 7), st.integers(1, 3), st.integers(0, 9))
def test_each_epoch_of_the_plan_holds_each_row_once(lengths, batch_size, epochs, seed):
    plan = plan_batches(lengths, batch_size, epochs, seed)
    pools = [min(batch_size * POOL, len(lengths) - i) for i in range(0, len(lengths), batch_size * POOL)]
    per_epoch = sum(math.ceil(pool / batch_size) for pool in pools)
    assert [update.exposure for update in plan] == [epoch + 1 for epoch in range(epochs) for _ in range(per_epoch)]
    for epoch in range(epochs):
        steps = [update.rows for update in plan if update.exposure == epoch + 1]
        assert sorted(i for step in steps for i in step) == list(range(len(lengths)))
        assert all(1 <= len(step) <= batch_size for step in steps)
    assert plan == plan_batches(lengths, batch_size, epochs, seed)


def test_plan_depends_on_the_seed_groups_by_length_and_wastes_no_step_on_a_remainder():
    lengths = [10 * (i % 6) for i in range(36)]
    plan = plan_batches(lengths, 6, 2, seed=0)
    assert plan != plan_batches(lengths, 6, 2, seed=1)
    assert [step.rows for step in plan[:6]] != [step.rows for step in plan[6:]]
    assert all(len({lengths[i] for i in step.rows}) == 1 for step in plan)
    assert sorted(len(step.rows) for step in plan_batches([1] * 7, 6, 1, seed=0)) == [
        3,
        4,
    ]  # not 6 and a step of one row


ROWS = [Example([1, 2, 3, 4], [7, 9]), Example([1, 2, 5], [8, 6, 9]), Example([1, 2, 5, 5, 5], [9])]


def predicted(batch):
    """Return the target of every prediction and the token that stands behind the predicting column."""
    at = batch["columns"][batch["column"]]
    return batch["targets"].tolist(), batch["tokens"][batch["sequence"], at + 1].tolist()


def test_collate_points_at_the_position_before_each_completion_token():
    batch = collate(ROWS, shared=2)
    assert batch["tokens"].tolist() == [[1, 2, 3, 4, 7, 9], [1, 2, 5, 8, 6, 9], [1, 2, 5, 5, 5, 9]]
    assert batch["sequence"].tolist() == [0, 0, 1, 1, 1, 2]
    assert batch["columns"].tolist() == [2, 3, 4]
    targets, behind = predicted(batch)
    assert targets == behind == [7, 9, 8, 6, 9, 9]
    assert "visible" not in batch


def test_packed_rows_see_the_common_start_and_themselves():
    batch = collate(ROWS, shared=2, sizes=[3])
    assert batch["tokens"].tolist() == [[1, 2, 3, 4, 7, 9, 5, 8, 6, 9, 5, 5, 5, 9]]
    assert batch["places"].tolist() == [[0, 1, 2, 3, 4, 5, 2, 3, 4, 5, 2, 3, 4, 5]]
    targets, behind = predicted(batch)
    assert targets == behind == [7, 9, 8, 6, 9, 9]
    seen = [[c for c, yes in enumerate(row) if yes] for row in batch["visible"][0, 0].tolist()]
    assert seen[1] == [0, 1]
    assert seen[5] == [0, 1, 2, 3, 4, 5]
    assert seen[6] == [0, 1, 6]
    assert seen[13] == [0, 1, 10, 11, 12, 13]


def test_a_long_batch_takes_several_sequences_each_with_the_start():
    batch = collate(ROWS, shared=2, sizes=[1, 2])
    assert batch["tokens"].tolist() == [[1, 2, 3, 4, 7, 9, 0, 0, 0, 0], [1, 2, 5, 8, 6, 9, 5, 5, 5, 9]]
    targets, behind = predicted(batch)
    assert targets == behind == [7, 9, 8, 6, 9, 9]
    assert batch["visible"].any(-1).all()  # padding too sees something: itself
