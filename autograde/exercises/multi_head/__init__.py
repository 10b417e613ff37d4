"""Lesson 4: multi-head attention."""

from autograde.exercises.multi_head import (
    attention_parameters,
    copy_torch_attention,
    merge_heads,
    multi_head_attention,
    multi_head_by_hand,
    split_heads,
)

EXERCISES = (
    split_heads.EXERCISE,
    merge_heads.EXERCISE,
    multi_head_by_hand.EXERCISE,
    multi_head_attention.EXERCISE,
    copy_torch_attention.EXERCISE,
    attention_parameters.EXERCISE,
)
