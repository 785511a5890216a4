"""How a program that steps an optimizer of optax or Keras is written; both run on JAX, and over one parameter."""

from __future__ import annotations

from collections.abc import Sequence

from crossoptim.quirks.dialect import Options, Python


class Optax(Python):
    """optax: an optimizer is a pure function, whose state is passed along."""

    package, nan, infinity = "optax", "jnp.nan", "jnp.inf"
    digits = 4

    def head(self, dtype: str) -> tuple[str, ...]:
        """JAX computes in float32 unless it is told otherwise."""
        wide = ('jax.config.update("jax_enable_x64", True)',) if dtype == "float64" else ()
        return (*(["import jax"] if wide else []), "import jax.numpy as jnp", "import optax", "", *wide)

    def made(self, values: str, dtype: str) -> str:
        """An array of the dtype that JAX computes in."""
        return f"jnp.array({values})"

    def parameter(self, name: str, values: Sequence[float], shape: Sequence[int], dtype: str) -> str:
        """The line that makes a parameter."""
        return f"{name} = {self.tensor(values, shape, dtype)}"

    def optimizer(self, class_name: str, groups: Sequence[tuple[Sequence[str], Options]], options: Options) -> str:
        """The line that makes ``opt``."""
        return f"opt = optax.{class_name}({self.options(options)[2:]})"

    def begin(self, name: str) -> list[str]:
        """The state of the first step."""
        return [f"state = opt.init({name})"]

    def set_gradient(self, name: str, tensor: str) -> str:
        """The gradient of the next step."""
        return f"g = {tensor}"

    def step(self, name: str) -> list[str]:
        """The updates and the next state; the updates are added."""
        return [f"updates, state = opt.update(g, state, {name})", f"{name} = optax.apply_updates({name}, updates)"]

    def numbers(self, tensor: str) -> str:
        """An array's elements, row by row, as plain numbers."""
        return f"{tensor}.flatten().tolist()"

    def state(self, name: str, place: int, key: str) -> str:
        """A state array."""
        return f'optax.tree.get(state, "{key}")'


class Keras(Python):
    """Keras 3 on its JAX backend."""

    package, nan, infinity = "keras", 'float("nan")', 'float("inf")'
    digits = 4

    def head(self, dtype: str) -> tuple[str, ...]:
        """Keras reads its backend from the environment, and computes in float32 unless it is told otherwise."""
        wide = ('jax.config.update("jax_enable_x64", True)', 'keras.config.set_floatx("float64")') if dtype == "float64" else ()
        modules = ("import os", "", 'os.environ["KERAS_BACKEND"] = "jax"', *(["import jax"] if wide else []), "import keras", "")
        return (*modules, *wide)

    def made(self, values: str, dtype: str) -> str:
        """A tensor of the dtype that Keras computes in."""
        return f"keras.ops.array({values}, dtype={dtype!r})".replace("'", '"')

    def parameter(self, name: str, values: Sequence[float], shape: Sequence[int], dtype: str) -> str:
        """The line that makes a parameter."""
        return f"{name} = keras.Variable({self.tensor(values, shape, dtype)})"

    def optimizer(self, class_name: str, groups: Sequence[tuple[Sequence[str], Options]], options: Options) -> str:
        """The line that makes ``opt``."""
        return f"opt = keras.optimizers.{class_name}({self.options(options)[2:]})"

    def set_gradient(self, name: str, tensor: str) -> str:
        """The gradient of the next step."""
        return f"g = {tensor}"

    def step(self, name: str) -> list[str]:
        """One update."""
        return [f"opt.apply([g], [{name}])"]

    def numbers(self, tensor: str) -> str:
        """A tensor's elements, row by row, as plain numbers."""
        return f"keras.ops.convert_to_numpy({tensor}).flatten().tolist()"

    def state(self, name: str, place: int, key: str) -> str:
        """A state tensor of a parameter, which is number ``place`` of all."""
        return f"opt.{key}[{place - 1}]"
