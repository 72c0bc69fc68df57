from hypothesis import given
from hypothesis import strategies as st

from homespun.models.encoding import shared_prefix

SEQUENCES = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=5)


@given(SEQUENCES)
def test_the_shared_prefix_is_shared_and_leaves_every_sequence_a_token(sequences):
    length = shared_prefix(sequences)
    assert len({tuple(sequence[:length]) for sequence in sequences}) == 1
    assert all(len(sequence) > length for sequence in sequences)
    longer = {tuple(sequence[: length + 1]) for sequence in sequences}
    assert len(longer) > 1 or any(len(sequence) == length + 1 for sequence in sequences)


def test_no_sequences_share_nothing():
    assert shared_prefix([]) == 0


def test_plain_text_follows_the_start_token_and_a_template_brings_its_own(tiny):
    start = tiny.tokenizer.bos_token_id
    bare, chat = tiny.encoder.prompts([((), ""), ((("user", "Hi."),), "So")])
    assert bare == [start]
    assert tiny.tokenizer.decode(chat) == "<|user|>Hi.<|end|><|assistant|>So"


def test_without_a_template_the_contents_are_lines(tiny, monkeypatch):
    monkeypatch.setattr(tiny.tokenizer, "chat_template", None)
    text = tiny.encoder.prompt_text((("system", "Be brief."), ("user", "Hi.")), "So")
    assert text == "Be brief.\nHi.\nSo"
    [ids] = tiny.encoder.prompts([((("user", "Hi."),), "")])
    assert ids[0] == tiny.tokenizer.bos_token_id
