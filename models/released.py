"""Reads the authors' released checkpoints: their names of the weights, mapped to ours.

The released state dict holds the same network under other names, the diffusion's tables (recomputed here),
and for each layer's position bias a table of 20000 rows, of which rows 10000 to 10100 can be reached.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from .actfusion import ActFusion, ActFusionConfig
from .dilated import MAX_DISTANCE

_TABLE_SHAPE = (20000, 1)
_TABLE_CENTRE = 10000
_SCHEDULE = (  # recomputed by `models.diffusion`
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
)
_MODULES = {  # ours -> released
    "encoder.project_in": "encoder.conv_in",
    "encoder.project_out": "encoder.conv_out",
    "decoder.project_in": "decoder.conv_in",
    "decoder.project_out": "decoder.conv_out",
    "decoder.time_mlp.0": "decoder.time_in.0",
    "decoder.time_mlp.2": "decoder.time_in.1",
    "decoder.time_out": "decoder.module.time_proj",
}
_STACKS = {"encoder.layers": "encoder.encoder.layers", "decoder.layers": "decoder.module.layers"}
_LAYER_MODULES = {
    "conv": "conv_block.0",
    "query": "att_linear_q",
    "key": "att_linear_k",
    "value": "att_linear_v",
    "feed_forward.0": "ffn_block.0",
    "feed_forward.2": "ffn_block.2",
    "position_bias": "rel_pos_emb.weight",
}


def convert_state_dict(released: Mapping[str, object], config: ActFusionConfig) -> dict[str, Tensor]:
    """Turn a released ActFusion state dict into one of ours.

    Args:
        released: the file's content: the state dict, or {"model": the state dict, ...}.
        config: the configuration that the checkpoint was trained with.

    Returns:
        A state dict for `ActFusion(config)`.

    Raises:
        ValueError: it is DiffAct's, or keys are missing, extra or misshaped; each such key is named.
    """
    inner = released.get("model", released)
    if not isinstance(inner, Mapping):
        raise ValueError(f"'model' in the checkpoint is a {type(inner).__name__}; a state dict was expected")
    weights = {key: value for key, value in inner.items() if key not in _SCHEDULE}
    if _is_diffact(weights):
        raise ValueError(
            "this is a state dict of DiffAct: it has neither a mask token nor position tables, so it cannot "
            "anticipate; bring a checkpoint of ActFusion"
        )

    shapes = {name: tuple(value.shape) for name, value in ActFusion(config).state_dict().items()}
    ours_of = {released_key(name): name for name in shapes}
    wanted = {key: _released_shape(name, shapes[name]) for key, name in ours_of.items()}
    faults = [f"missing {key} {shape}" for key, shape in wanted.items() if key not in weights]
    faults += [f"extra {key}" for key in weights if key not in wanted]
    for key in sorted(wanted.keys() & weights.keys()):
        found = tuple(getattr(weights[key], "shape", ()))
        if found != wanted[key]:
            faults.append(f"{key} is {found}, not {wanted[key]}")
    if faults:
        raise ValueError(
            "the checkpoint does not fit the configuration (another preset or number of classes?): "
            + "; ".join(faults)
        )
    return {name: _reachable(name, weights[key]) for key, name in ours_of.items()}


def released_key(name: str) -> str:
    """The released name of one of our weights.

    Args:
        name: a key of `ActFusion.state_dict()`, e.g. "encoder.layers.3.query.bias".

    Returns:
        e.g. "encoder.encoder.layers.3.att_linear_q.bias".
    """
    for ours, theirs in _STACKS.items():
        if name.startswith(ours + "."):
            index, rest = name.removeprefix(ours + ".").split(".", 1)
            return f"{theirs}.{index}.{_rename(rest, _LAYER_MODULES)}"
    return _rename(name, _MODULES)


def _rename(name: str, modules: Mapping[str, str]) -> str:
    for ours, theirs in modules.items():
        if name == ours or name.startswith(ours + "."):
            return theirs + name.removeprefix(ours)
    return name


def _released_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    return _TABLE_SHAPE if name.endswith("position_bias") else shape


def _reachable(name: str, weight: Tensor) -> Tensor:
    if not name.endswith("position_bias"):
        return weight
    return weight[_TABLE_CENTRE : _TABLE_CENTRE + MAX_DISTANCE + 1, 0].clone()


def _is_diffact(weights: Mapping[str, object]) -> bool:
    has_layers = "encoder.encoder.layers.0.att_linear_q.weight" in weights
    return has_layers and "mask_token" not in weights and not any("rel_pos_emb" in key for key in weights)
