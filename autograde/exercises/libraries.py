"""What libraries already have of what an exercise asks to build: names for `Exercise.forbidden`.

`torch.Tensor.softmax` stands for the method of any object, `x.softmax(...)`. A name forbids what lies below it too.
"""

SOFTMAX = (
    "torch.softmax",
    "torch.log_softmax",
    "torch.special.softmax",
    "torch.special.log_softmax",
    "torch.nn.functional.softmax",
    "torch.nn.functional.log_softmax",
    "torch.nn.functional.softmin",
    "torch.nn.Softmax",
    "torch.nn.LogSoftmax",
    "torch.nn.Softmin",
    "torch.Tensor.softmax",
    "torch.Tensor.log_softmax",
    "torch._softmax",
    "torch.ops.aten.softmax",
    "torch.ops.aten._softmax",
    "scipy.special.softmax",
    "scipy.special.log_softmax",
)
DOT_PRODUCT_ATTENTION = (
    "torch.nn.functional.scaled_dot_product_attention",
    "torch._C._nn.scaled_dot_product_attention",
    "torch.ops.aten.scaled_dot_product_attention",
    "torch.nn.attention.flex_attention",
)
MULTI_HEAD_ATTENTION = (
    "torch.nn.MultiheadAttention",
    "torch.nn.modules.activation.MultiheadAttention",
    "torch.nn.functional.multi_head_attention_forward",
    "torch._native_multi_head_attention",
)
NORMALIZATION = (
    "torch.nn.LayerNorm",
    "torch.nn.modules.normalization.LayerNorm",
    "torch.nn.functional.layer_norm",
    "torch.layer_norm",
    "torch.native_layer_norm",
    "torch.ops.aten.native_layer_norm",
    "torch.ops.aten.layer_norm",
    "torch.nn.GroupNorm",
    "torch.nn.functional.group_norm",
    "torch.nn.functional.instance_norm",
)
RELU = (
    "torch.relu",
    "torch.nn.functional.relu",
    "torch.nn.functional.relu_",
    "torch.nn.ReLU",
    "torch.Tensor.relu",
    "torch.Tensor.relu_",
)
LINEAR = ("torch.nn.Linear", "torch.nn.functional.linear", "torch.nn.LazyLinear", "torch.nn.Bilinear")
ONE_HOT = ("torch.nn.functional.one_hot",)
EMBEDDING = ("torch.nn.Embedding", "torch.nn.functional.embedding", "torch.embedding", "torch.nn.EmbeddingBag")
TRANSFORMER = (
    "torch.nn.Transformer",
    "torch.nn.TransformerEncoder",
    "torch.nn.TransformerEncoderLayer",
    "torch.nn.TransformerDecoder",
    "torch.nn.TransformerDecoderLayer",
    "torch.nn.modules.transformer",
    "transformers",
)
TRAINER = ("helpers.trainer",)  # made of the references of lesson 8
TOKENIZERS = ("tokenizers", "sentencepiece", "subword_nmt", "transformers", "tiktoken", "youtokentome", "torchtext")
