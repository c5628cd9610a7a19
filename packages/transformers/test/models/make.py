"""Makes small models in the layout that Transformers.js reads, as PyTorch's exporter writes them.

    python3 packages/transformers/test/models/make.py

It needs Debian's python3-torch and python3-onnx. Each folder gets config.json, tokenizer.json, tokenizer_config.json and
onnx/model.onnx: a classifier of BERT's shape, and causal language models of GPT-2's and of Llama's shape with caches
of keys and values as inputs and outputs. The language models are trained on a few sentences for some seconds first.
"""

import collections
import json
import math
import pathlib
import re

import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent
WIDTH, HEADS, LAYERS, INNER, POSITIONS = 32, 4, 2, 64, 64
OPTIONS = dict(opset_version=14, do_constant_folding=True)

# ---------------------------------------------------------------------------------------------------------- texts

SUBJECTS = ["the cat", "a dog", "the child", "my friend", "the old man", "a small bird", "the teacher", "our neighbour"]
VERBS = ["sees", "likes", "finds", "follows", "draws", "remembers", "describes", "waits for"]
OBJECTS = ["the house", "a red ball", "the garden", "some bread", "the river", "a new book", "the music", "a green tree"]
SENTENCES = [f"{s} {v} {o}." for s in SUBJECTS for v in VERBS for o in OBJECTS]
REVIEWS = (
    "the film was wonderful great lovely brilliant funny warm moving superb charming excellent "
    "awful dull boring terrible bad slow ugly weak clumsy poor story music acting camera ending plot and but not very "
    "really quite a an it i is this that were to of in with for on so too one question answer yes no what where who"
).split()
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'-:;\n"

# ----------------------------------------------------------------------------------------------------- tokenizers


def word_pieces():
    words = sorted(set(re.findall(r"[a-z]+", " ".join(SENTENCES))) | set(REVIEWS))
    letters = [c for c in LETTERS if c.strip()]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    pieces += [f"##{c}" for c in letters if c.isalnum()] + [w for w in words if len(w) > 1]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    special = [dict(id=vocabulary[p], content=p, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
               for p in pieces[:5]]
    tokenizer = dict(
        version="1.0", truncation=None, padding=None, added_tokens=special,
        normalizer=dict(type="BertNormalizer", clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True),
        pre_tokenizer=dict(type="BertPreTokenizer"),
        post_processor=dict(
            type="TemplateProcessing",
            single=[{"SpecialToken": dict(id="[CLS]", type_id=0)}, {"Sequence": dict(id="A", type_id=0)},
                    {"SpecialToken": dict(id="[SEP]", type_id=0)}],
            pair=[{"SpecialToken": dict(id="[CLS]", type_id=0)}, {"Sequence": dict(id="A", type_id=0)},
                  {"SpecialToken": dict(id="[SEP]", type_id=0)}, {"Sequence": dict(id="B", type_id=1)},
                  {"SpecialToken": dict(id="[SEP]", type_id=1)}],
            special_tokens={p: dict(id=p, ids=[vocabulary[p]], tokens=[p]) for p in ("[CLS]", "[SEP]")}),
        decoder=dict(type="WordPiece", prefix="##", cleanup=True),
        model=dict(type="WordPiece", unk_token="[UNK]", continuing_subword_prefix="##", max_input_chars_per_word=100, vocab=vocabulary))
    config = dict(tokenizer_class="BertTokenizer", do_lower_case=True, model_max_length=POSITIONS, pad_token="[PAD]", unk_token="[UNK]",
                  cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
    return tokenizer, config, vocabulary


def bytes_to_letters():
    """The printable stand-ins of byte-level BPE."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {b: chr(b) for b in kept}
    for byte in range(256):
        if byte not in letters:
            letters[byte] = chr(256 + len([b for b in range(byte) if b not in kept]))
    return letters


SPLIT = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")


def byte_pairs(merges_wanted, special, specials):
    letters = bytes_to_letters()
    to_letters = lambda text: "".join(letters[b] for b in text.encode())
    counts = collections.Counter(to_letters(word) for text in SENTENCES + [" ".join(REVIEWS)] for word in SPLIT.findall(text))
    words = {word: list(word) for word in counts}
    merges = []
    while len(merges) < merges_wanted:
        pairs = collections.Counter()
        for word, parts in words.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += counts[word]
        if not pairs:
            break
        pair = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(pair)
        for word, parts in words.items():
            merged, i = [], 0
            while i < len(parts):
                if tuple(parts[i:i + 2]) == pair:
                    merged.append("".join(pair))
                    i += 2
                else:
                    merged.append(parts[i])
                    i += 1
            words[word] = merged
    # Only the bytes of ASCII, so that the model stays small.
    pieces = [letters[b] for b in range(256) if b in (9, 10, 13) or 32 <= b < 127]
    vocabulary = {piece: index for index, piece in enumerate([*specials, *pieces, *dict.fromkeys("".join(m) for m in merges)])}
    added = [dict(id=vocabulary[s], content=s, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
             for s in specials]
    tokenizer = dict(
        version="1.0", truncation=None, padding=None, added_tokens=added, normalizer=None,
        pre_tokenizer=dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True),
        post_processor=special,
        decoder=dict(type="ByteLevel", add_prefix_space=True, trim_offsets=True, use_regex=True),
        model=dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix="", end_of_word_suffix="", fuse_unk=False,
                   byte_fallback=False, ignore_merges=False, vocab=vocabulary, merges=[" ".join(m) for m in merges]))
    return tokenizer, vocabulary


def encode(tokenizer, text):
    """Byte-pair encoding, for training here."""
    letters = bytes_to_letters()
    ranks = {tuple(m.split(" ")): i for i, m in enumerate(tokenizer["model"]["merges"])}
    ids = []
    for word in SPLIT.findall(text):
        parts = [letters[b] for b in word.encode()]
        while len(parts) > 1:
            best = min(zip(parts, parts[1:]), key=lambda p: ranks.get(p, math.inf))
            if best not in ranks:
                break
            i = next(i for i in range(len(parts) - 1) if (parts[i], parts[i + 1]) == best)
            parts[i:i + 2] = ["".join(best)]
        ids += [tokenizer["model"]["vocab"][part] for part in parts]
    return ids


# ----------------------------------------------------------------------------------------------------------- BERT


class BertSelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))

    def forward(self, x, mask):
        heads = lambda y: y.view(y.size(0), y.size(1), HEADS, WIDTH // HEADS).permute(0, 2, 1, 3)
        q, k, v = heads(self.query(x)), heads(self.key(x)), heads(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(WIDTH // HEADS) + mask
        mixed = torch.matmul(scores.softmax(-1), v).permute(0, 2, 1, 3).contiguous()
        return mixed.view(mixed.size(0), mixed.size(1), WIDTH)


class BertOutput(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.dense, self.LayerNorm = nn.Linear(inputs, WIDTH), nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x, residual):
        return self.LayerNorm(self.dense(x) + residual)


class BertLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.ModuleDict(dict(self=BertSelfAttention(), output=BertOutput(WIDTH)))
        self.intermediate = nn.ModuleDict(dict(dense=nn.Linear(WIDTH, INNER)))
        self.output = BertOutput(INNER)

    def forward(self, x, mask):
        x = self.attention["output"](self.attention["self"](x, mask), x)
        return self.output(F.gelu(self.intermediate["dense"](x)), x)


class BertModel(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.embeddings = nn.ModuleDict(dict(
            word_embeddings=nn.Embedding(vocabulary, WIDTH), position_embeddings=nn.Embedding(POSITIONS, WIDTH),
            token_type_embeddings=nn.Embedding(2, WIDTH), LayerNorm=nn.LayerNorm(WIDTH, eps=1e-12)))
        self.encoder = nn.ModuleDict(dict(layer=nn.ModuleList(BertLayer() for _ in range(LAYERS))))

    def forward(self, input_ids, attention_mask, token_type_ids):
        e = self.embeddings
        positions = torch.arange(POSITIONS).unsqueeze(0)[:, : input_ids.size(1)]
        x = e["word_embeddings"](input_ids) + e["token_type_embeddings"](token_type_ids) + e["position_embeddings"](positions)
        mask = (1.0 - attention_mask[:, None, None, :].to(torch.float32)) * torch.finfo(torch.float32).min
        x = e["LayerNorm"](x)
        for layer in self.encoder["layer"]:
            x = layer(x, mask)
        return x


class BertForSequenceClassification(nn.Module):
    def __init__(self, vocabulary, labels):
        super().__init__()
        self.bert = BertModel(vocabulary)
        self.pooler, self.classifier = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, labels)

    def forward(self, input_ids, attention_mask, token_type_ids):
        x = self.bert(input_ids, attention_mask, token_type_ids)
        return self.classifier(torch.tanh(self.pooler(x[:, 0])))


# ---------------------------------------------------------------------------------------- causal language models


def causal_mask(attention_mask, length):
    """[batch, 1, length, past + length]: 0 where a token may look, else a large negative number."""
    total = attention_mask.size(1)
    rows = torch.arange(total - length, total).view(-1, 1)
    columns = torch.arange(total).view(1, -1)
    allowed = (columns <= rows)[None, None] & attention_mask[:, None, None, :].bool()
    return torch.where(allowed, torch.tensor(0.0), torch.tensor(torch.finfo(torch.float32).min))


class Conv1D(nn.Module):
    """A dense layer with its weight as [inputs, outputs], as in GPT-2."""

    def __init__(self, outputs, inputs):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(inputs, outputs) * 0.05), nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(x.size(0), x.size(1), self.bias.size(0))


class Gpt2Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = nn.ModuleDict(dict(c_attn=Conv1D(3 * WIDTH, WIDTH), c_proj=Conv1D(WIDTH, WIDTH)))
        self.mlp = nn.ModuleDict(dict(c_fc=Conv1D(INNER, WIDTH), c_proj=Conv1D(WIDTH, INNER)))

    def forward(self, x, mask, past):
        q, k, v = self.attn["c_attn"](self.ln_1(x)).split(WIDTH, dim=2)
        heads = lambda y: y.view(y.size(0), y.size(1), HEADS, WIDTH // HEADS).permute(0, 2, 1, 3)
        q, k, v = heads(q), torch.cat([past[0], heads(k)], 2), torch.cat([past[1], heads(v)], 2)
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(WIDTH // HEADS) + mask
        mixed = torch.matmul(scores.softmax(-1), v).permute(0, 2, 1, 3).contiguous()
        x = x + self.attn["c_proj"](mixed.view(mixed.size(0), mixed.size(1), WIDTH))
        return x + self.mlp["c_proj"](new_gelu(self.mlp["c_fc"](self.ln_2(x)))), (k, v)


def new_gelu(x):
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


class Gpt2(nn.Module):
    heads, layers = HEADS, LAYERS

    def __init__(self, vocabulary):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, WIDTH), nn.Embedding(POSITIONS, WIDTH)
        self.h, self.ln_f = nn.ModuleList(Gpt2Layer() for _ in range(LAYERS)), nn.LayerNorm(WIDTH)

    def forward(self, input_ids, attention_mask, position_ids, *past):
        x = self.wte(input_ids) + self.wpe(position_ids)
        mask = causal_mask(attention_mask, input_ids.size(1))
        present = []
        for i, layer in enumerate(self.h):
            x, cache = layer(x, mask, past[2 * i:2 * i + 2])
            present += cache
        return (F.linear(self.ln_f(x), self.wte.weight), *present)


class RmsNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class LlamaLayer(nn.Module):
    GROUPS = 2  # heads of keys and values

    def __init__(self):
        super().__init__()
        size = WIDTH // HEADS * self.GROUPS
        linear = lambda inputs, outputs: nn.Linear(inputs, outputs, bias=False)
        self.self_attn = nn.ModuleDict(dict(q_proj=linear(WIDTH, WIDTH), k_proj=linear(WIDTH, size), v_proj=linear(WIDTH, size),
                                            o_proj=linear(WIDTH, WIDTH)))
        self.mlp = nn.ModuleDict(dict(gate_proj=linear(WIDTH, INNER), up_proj=linear(WIDTH, INNER), down_proj=linear(INNER, WIDTH)))
        self.input_layernorm, self.post_attention_layernorm = RmsNorm(), RmsNorm()

    def forward(self, x, mask, cos, sin, past):
        size = WIDTH // HEADS
        a, y = self.self_attn, self.input_layernorm(x)
        heads = lambda y: y.view(y.size(0), y.size(1), -1, size).transpose(1, 2)
        turn = lambda y: y * cos + torch.cat([-y[..., size // 2:], y[..., : size // 2]], -1) * sin
        q, k, v = turn(heads(a["q_proj"](y))), turn(heads(a["k_proj"](y))), heads(a["v_proj"](y))
        k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        repeat = lambda y: y[:, :, None].expand(y.size(0), self.GROUPS, HEADS // self.GROUPS, y.size(2), size).reshape(
            y.size(0), HEADS, y.size(2), size)
        scores = torch.matmul(q, repeat(k).transpose(2, 3)) / math.sqrt(size) + mask
        mixed = torch.matmul(scores.softmax(-1), repeat(v)).transpose(1, 2).contiguous()
        x = x + a["o_proj"](mixed.reshape(mixed.size(0), mixed.size(1), WIDTH))
        y = self.post_attention_layernorm(x)
        return x + self.mlp["down_proj"](F.silu(self.mlp["gate_proj"](y)) * self.mlp["up_proj"](y)), (k, v)


class Llama(nn.Module):
    heads, layers = LlamaLayer.GROUPS, LAYERS

    def __init__(self, vocabulary):
        super().__init__()
        self.model = nn.ModuleDict(dict(embed_tokens=nn.Embedding(vocabulary, WIDTH),
                                        layers=nn.ModuleList(LlamaLayer() for _ in range(LAYERS)), norm=RmsNorm()))
        self.lm_head = nn.Linear(WIDTH, vocabulary, bias=False)
        half = WIDTH // HEADS // 2
        self.register_buffer("inv_freq", 1.0 / (10000.0 ** (torch.arange(half).float() / half)))

    def forward(self, input_ids, attention_mask, position_ids, *past):
        x = self.model["embed_tokens"](input_ids)
        angles = (self.inv_freq[None, :, None].expand(position_ids.size(0), -1, 1) @ position_ids[:, None, :].float()).transpose(1, 2)
        angles = torch.cat([angles, angles], -1)[:, None]
        mask, present = causal_mask(attention_mask, input_ids.size(1)), []
        for i, layer in enumerate(self.model["layers"]):
            x, cache = layer(x, mask, angles.cos(), angles.sin(), past[2 * i:2 * i + 2])
            present += cache
        return (self.lm_head(self.model["norm"](x)), *present)


def train(model, tokenizer, end, steps=400):
    random = torch.Generator().manual_seed(1)
    texts = [[*encode(tokenizer, text), end] for text in SENTENCES]
    empty = [torch.zeros(32, model.heads, 0, WIDTH // HEADS)] * (2 * model.layers)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for step in range(steps):
        batch = [texts[i] for i in torch.randint(len(texts), (32,), generator=random)]
        length = max(map(len, batch))
        ids = torch.tensor([t + [end] * (length - len(t)) for t in batch])
        labels = torch.tensor([t + [-100] * (length - len(t)) for t in batch])
        positions = torch.arange(length).expand(32, -1)
        logits = model(ids, torch.ones_like(ids), positions, *empty)[0]
        loss = F.cross_entropy(logits[:, :-1].reshape(-1, logits.size(-1)), labels[:, 1:].reshape(-1), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(type(model).__name__, "loss", loss.item())


# --------------------------------------------------------------------------------------------------------- files


def write(name, config, tokenizer, tokenizer_config):
    folder = HERE / name
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    for file, value in (("config", config), ("tokenizer", tokenizer), ("tokenizer_config", tokenizer_config)):
        (folder / f"{file}.json").write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
    return str(folder / "onnx" / "model.onnx")


def make_bert():
    torch.manual_seed(0)
    tokenizer, tokenizer_config, vocabulary = word_pieces()
    model = BertForSequenceClassification(len(vocabulary), 2).eval()
    config = dict(architectures=["BertForSequenceClassification"], model_type="bert", hidden_size=WIDTH, num_attention_heads=HEADS,
                  num_hidden_layers=LAYERS, intermediate_size=INNER, max_position_embeddings=POSITIONS, type_vocab_size=2,
                  vocab_size=len(vocabulary), pad_token_id=0, hidden_act="gelu", layer_norm_eps=1e-12,
                  id2label={"0": "LABEL_0", "1": "LABEL_1"}, label2id={"LABEL_0": 0, "LABEL_1": 1})
    ids = torch.tensor([[2, 50, 51, 3], [2, 52, 3, 0]])
    axes = {0: "batch_size", 1: "sequence_length"}
    names = ["input_ids", "attention_mask", "token_type_ids"]
    torch.onnx.export(model, (ids, (ids != 0).long(), torch.zeros_like(ids)), write("bert", config, tokenizer, tokenizer_config),
                      input_names=names, output_names=["logits"],
                      dynamic_axes={**{n: axes for n in names}, "logits": {0: "batch_size"}}, **OPTIONS)
    # The same without a head, as exported for feature extraction.
    config = {**config, "architectures": ["BertModel"]}
    del config["id2label"], config["label2id"]
    torch.onnx.export(model.bert, (ids, (ids != 0).long(), torch.zeros_like(ids)),
                      write("bert-base", config, tokenizer, tokenizer_config),
                      input_names=names, output_names=["last_hidden_state"],
                      dynamic_axes={n: axes for n in [*names, "last_hidden_state"]}, **OPTIONS)


def make_causal(name, model_type, architecture, module, specials, post_processor, tokenizer_config, more):
    torch.manual_seed(0)
    tokenizer, vocabulary = byte_pairs(160, post_processor, specials)
    if post_processor["type"] == "TemplateProcessing":
        start = post_processor["special_tokens"]["<s>"]
        start["ids"] = [vocabulary["<s>"]]
    end = vocabulary[specials[-1]]
    model = module(len(vocabulary))
    train(model, tokenizer, end)
    model.eval()
    config = dict(architectures=[architecture], model_type=model_type, vocab_size=len(vocabulary), bos_token_id=vocabulary[specials[0]],
                  eos_token_id=end, **more)
    batch, past, length, size = 2, 3, 4, WIDTH // HEADS
    ids = torch.randint(5, len(vocabulary), (batch, length))
    mask, positions = torch.ones(batch, past + length, dtype=torch.long), torch.arange(past, past + length).expand(batch, -1)
    caches = [torch.randn(batch, model.heads, past, size) for _ in range(2 * LAYERS)]
    kinds = [f"{i}.{kind}" for i in range(LAYERS) for kind in ("key", "value")]
    axes = {
        "input_ids": {0: "batch_size", 1: "sequence_length"}, "position_ids": {0: "batch_size", 1: "sequence_length"},
        "attention_mask": {0: "batch_size", 1: "past_sequence_length + sequence_length"},
        "logits": {0: "batch_size", 1: "sequence_length"},
        **{f"past_key_values.{k}": {0: "batch_size", 2: "past_sequence_length"} for k in kinds},
        **{f"present.{k}": {0: "batch_size", 2: "past_sequence_length + sequence_length"} for k in kinds}}
    torch.onnx.export(model, (ids, mask, positions, *caches), write(name, config, tokenizer, tokenizer_config),
                      input_names=["input_ids", "attention_mask", "position_ids", *(f"past_key_values.{k}" for k in kinds)],
                      output_names=["logits", *(f"present.{k}" for k in kinds)], dynamic_axes=axes, **OPTIONS)


make_bert()
make_causal(
    "gpt2", "gpt2", "GPT2LMHeadModel", Gpt2, ["<|endoftext|>"],
    dict(type="ByteLevel", add_prefix_space=True, trim_offsets=False, use_regex=True),
    dict(tokenizer_class="GPT2Tokenizer", model_max_length=POSITIONS, bos_token="<|endoftext|>", eos_token="<|endoftext|>",
         unk_token="<|endoftext|>", add_prefix_space=False),
    dict(n_embd=WIDTH, n_head=HEADS, n_layer=LAYERS, n_positions=POSITIONS, n_ctx=POSITIONS, activation_function="gelu_new"))
make_causal(
    "llama", "llama", "LlamaForCausalLM", Llama, ["<s>", "</s>"],
    dict(type="TemplateProcessing",
         single=[{"SpecialToken": dict(id="<s>", type_id=0)}, {"Sequence": dict(id="A", type_id=0)}],
         pair=[{"SpecialToken": dict(id="<s>", type_id=0)}, {"Sequence": dict(id="A", type_id=0)},
               {"SpecialToken": dict(id="<s>", type_id=1)}, {"Sequence": dict(id="B", type_id=1)}],
         special_tokens={"<s>": dict(id="<s>", ids=[0], tokens=["<s>"])}),
    dict(tokenizer_class="PreTrainedTokenizerFast", model_max_length=POSITIONS, bos_token="<s>", eos_token="</s>", pad_token="</s>",
         chat_template="{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
                       "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"),
    dict(hidden_size=WIDTH, intermediate_size=INNER, num_attention_heads=HEADS, num_key_value_heads=LlamaLayer.GROUPS,
         num_hidden_layers=LAYERS, max_position_embeddings=POSITIONS, rms_norm_eps=1e-6, rope_theta=10000.0, hidden_act="silu"))
