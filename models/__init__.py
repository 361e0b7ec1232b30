"""ActFusion (NeurIPS 2024): one diffusion model that segments what was seen and anticipates what comes next.

`actfusion` is the network, `diffusion` the sampler, `masking` and `losses` what training adds, `released`
reads the authors' checkpoints, `precision` keeps GPUs exact. Nothing here knows of video, files or screens.
"""
