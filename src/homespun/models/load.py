"""From a recipe's model id to a model: `embedded`, `scripted:FILE`, `sentence:MODEL`, a local folder, or a hub id.

Only safetensors are read and no code from a model folder is run (`trust_remote_code` is off). Importing
this module imports no torch; loading does. What a training left is named as `adapter`: a LoRA adapter, which is
merged into the weights when the model is loaded, so that a tuned model answers as fast as its base; or a whole model
folder, which takes the base's place. Models behind servers are server.py's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from homespun.data.records import canonical_json
from homespun.errors import ModelError
from homespun.models.base import Model
from homespun.models.checkpoint import HUB_ID, check_folder, find_folder, folder_hash, go_offline
from homespun.models.embedded import FOLDER, WHEEL_SHA256
from homespun.models.libraries import missing_extra, quiet
from homespun.task import ModelSpec

SCRIPTED = "scripted:"
SENTENCE = "sentence:"  #: a sentence-transformers model, which only embeds


def model_identity(spec: ModelSpec, adapter: Path | None = None) -> str:
    """Return name and content hash of a model without loading it: a part of every fingerprint.

    Equal strings mean equal weights, tokenizer and number format. Fetches a hub model that is not cached.

    Raises:
        ModelError: there is no such model, or it is not pulled yet.
    """
    if spec.is_server:
        told = ["plain"] if not spec.structured else []
        told += [spec.api] if spec.api != "chat" else []
        told += [canonical_json(spec.extra)] if spec.extra else []
        return " ".join([spec.id, *told])
    if spec.id.startswith(SCRIPTED):
        from homespun.models.scripted import ScriptedModel

        return ScriptedModel.from_file(spec.id.removeprefix(SCRIPTED)).id
    kind = SENTENCE if spec.id.startswith(SENTENCE) else ""
    model_id = spec.id.removeprefix(kind)
    folder = find_folder(model_id)
    if spec.id == "embedded":
        identity = f"{FOLDER}@{WHEEL_SHA256[:16]}"
    else:
        name = kind + (model_id if not Path(model_id).expanduser().exists() else folder.resolve().name)
        identity = f"{name}@{folder_hash(folder)}"
    if spec.dtype != "auto":
        identity += f":{spec.dtype}"
    return identity if adapter is None else f"{identity}+{folder_hash(_check_adapter(adapter))}"


def load_model(spec: ModelSpec, adapter: Path | None = None) -> Model:
    """Load a model, with a LoRA adapter merged into it or all its weights replaced if `adapter` names either.

    Raises:
        ModelError: there is no such model or it cannot be loaded.
        UsageError: the id is a server's address.
        MissingExtraError: torch or transformers (or, for an adapter, PEFT) is not installed.
    """
    if spec.id.startswith(SCRIPTED):
        from homespun.models.scripted import ScriptedModel

        if adapter is not None:
            raise ModelError(f'"{spec.id}" has no weights; it cannot take the adapter "{adapter}"')
        return ScriptedModel.from_file(spec.id.removeprefix(SCRIPTED))
    identity = model_identity(spec, adapter)
    if spec.id.startswith(SENTENCE):
        from homespun.models.sentence import SentenceModel

        if adapter is not None:
            raise ModelError(f'"{spec.id}" only embeds; it cannot take the adapter "{adapter}"')
        device = None if spec.device == "auto" else spec.device
        return SentenceModel(identity, find_folder(spec.id.removeprefix(SENTENCE)), device)
    if adapter is not None and is_whole(adapter):
        hf_model, tokenizer = _load_folder(spec, check_folder(adapter))
    else:
        hf_model, tokenizer = _load_folder(spec, find_folder(spec.id))
        if adapter is not None:
            hf_model = _merge(hf_model, adapter)
    from homespun.models.transformers import TransformersModel

    return TransformersModel(identity, hf_model, tokenizer)


def load_for_training(spec: ModelSpec, seed: int | None = None) -> tuple[Any, Any]:
    """Return a fresh (hf_model, tokenizer) that may be modified; `seed` seeds torch for added weights.

    Raises:
        ModelError: there is no such model, it cannot be loaded, or it has no weights (`scripted`).
        MissingExtraError: torch or transformers is not installed.
    """
    if spec.id.startswith((SCRIPTED, SENTENCE)):
        raise ModelError(f'"{spec.id}" has no weights that could be trained here; name another student')
    hf_model, tokenizer = _load_folder(spec, find_folder(spec.id))
    if seed is not None:
        import torch

        torch.manual_seed(seed)
    return hf_model, tokenizer


def _load_folder(spec: ModelSpec, folder: Path) -> tuple[Any, Any]:
    """Load weights and tokenizer from a checked folder onto the spec's device."""
    if not HUB_ID.fullmatch(spec.id) or Path(spec.id).expanduser().exists():
        go_offline()
    try:
        import safetensors
        import torch
        import transformers
    except ImportError as error:
        raise missing_extra() from error
    quiet()
    device = _device(spec)
    dtype_name = spec.dtype if spec.dtype != "auto" else ("float32" if device.type == "cpu" else "bfloat16")
    settings = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **settings)
        hf_model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, dtype_name), use_safetensors=True, **settings
        )
        hf_model.to(device).eval()
    except (OSError, ValueError, KeyError, RuntimeError, safetensors.SafetensorError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        again = " Delete the folder and run: homespun models pull smollm2" if spec.id == "embedded" else ""
        raise ModelError(f'the model in "{folder}" cannot be loaded: {reason}.{again}') from error
    return hf_model, tokenizer


def _device(spec: ModelSpec) -> Any:
    """Return the torch device; `auto` is a CUDA GPU where there is one, else the CPU."""
    import torch

    if spec.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(spec.device)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f'the device "{spec.device}" of model "{spec.id}" is not usable here: '
            f"{next(iter(str(error).splitlines()), '')} Use auto, cpu, cuda, cuda:0 or mps."
        ) from error
    return device


def is_whole(adapter: Path) -> bool:
    """Return whether the result of a training is a model with all its weights, no adapter."""
    return (adapter / "config.json").is_file() and not (adapter / "adapter_config.json").is_file()


def _check_adapter(adapter: Path) -> Path:
    if is_whole(adapter):
        return check_folder(adapter)
    missing = [n for n in ("adapter_config.json", "adapter_model.safetensors") if not (adapter / n).is_file()]
    if missing:
        raise ModelError(
            f'"{adapter}" is no LoRA adapter: {" and ".join(missing)} missing. '
            "It must hold adapter_config.json and adapter_model.safetensors."
        )
    return adapter


def _merge(hf_model: Any, adapter: Path) -> Any:
    """Add a LoRA adapter to the weights."""
    try:
        import peft
    except ImportError as error:
        raise missing_extra("train") from error
    try:
        tuned = peft.PeftModel.from_pretrained(hf_model, _check_adapter(adapter), local_files_only=True)
    except (ValueError, KeyError, RuntimeError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f'the adapter "{adapter}" does not fit this model: {reason}') from error
    return tuned.merge_and_unload().eval()
