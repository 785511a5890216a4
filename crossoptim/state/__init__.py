"""An optimizer's state in one safetensors file, which another library, in another language, goes on from. See ``docs/state.md``."""

from crossoptim.state.torch_state import load_optimizer_state, save_optimizer_state

__all__ = ["load_optimizer_state", "save_optimizer_state"]
