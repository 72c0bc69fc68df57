"""A student of a few thousand weights that reads bytes, so that training takes milliseconds."""

from homespun.data.records import Labelled, Lineage, Row, Variant
from homespun.models.load import is_whole

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_tokenizer(template=CHATML, eos="<|im_end|>", special=("<|im_start|>", "<|im_end|>", "<eos>")):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={byte: i for i, byte in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token=eos)
    tokenizer.add_special_tokens({"additional_special_tokens": [name for name in special if name != eos]})
    tokenizer.chat_template = template
    return tokenizer


def make_model(**changes):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    settings = {
        "vocab_size": 260,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
        "tie_word_embeddings": True,
    }
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return LlamaForCausalLM(LlamaConfig(**settings | changes)).eval()


def row(text, label, key=None):
    lineage = Lineage("test", key or text)
    return Row.make(Labelled({"review": text}, label), language="en", groups={"label": label}, lineage=lineage)


def variant(document, number, text):
    groups = {"document": document, "number": str(number), "form": "original"}
    lineage = Lineage("test", f"{document}|original|{number}")
    return Row.make(Variant(text), language="en", groups=groups, lineage=lineage)


def weights(folder):
    name = "model.safetensors" if is_whole(folder) else "adapter_model.safetensors"
    return (folder / name).read_bytes()
