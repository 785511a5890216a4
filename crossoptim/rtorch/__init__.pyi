# Made by `crossoptim generate` from the specification: not to be edited by hand.
# ruff: noqa
from collections.abc import Callable, Sequence
from typing import Any, Literal

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT

from crossoptim.rtorch.optimizers import ROptimizer
from crossoptim.rtorch.schedulers import RScheduler
from crossoptim.spec.model import Binding, Ecosystem

__all__ = [
    "optim_required",
    "optim_sgd",
    "optim_adam",
    "optim_adamw",
    "optim_adagrad",
    "optim_rmsprop",
    "optim_adadelta",
    "optim_rprop",
    "optim_asgd",
    "optim_lbfgs",
    "optim_ignite_sgd",
    "optim_ignite_adam",
    "optim_ignite_adamw",
    "optim_ignite_adagrad",
    "optim_ignite_rmsprop",
    "lr_lambda",
    "lr_multiplicative",
    "lr_step",
    "lr_cosine_annealing",
    "lr_one_cycle",
    "lr_reduce_on_plateau",
]

OPTIMIZERS: dict[str, tuple[Ecosystem, Binding]]
SCHEDULERS: dict[str, Binding]

def optim_required() -> Any: ...

class optim_sgd(ROptimizer):
    """Stochastic gradient descent.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate.
        momentum: momentum coefficient (default: 0.0).
        dampening: the share of the gradient that is kept out of the velocity (default: 0.0).
        weight_decay: L2 penalty, added to the gradient (default: 0.0).
        nesterov: Nesterov's accelerated gradient (default: False).

    Where the gradient is not taken at the parameter, give ``step`` a closure, or run forward and backward inside
    ``at_gradient_point()``.

    Sources:
        Robbins & Monro 1951
        Polyak 1964 (momentum)
        Sutskever, Martens, Dahl & Hinton 2013, eqs. 1-4 (momentum and Nesterov's accelerated gradient)
    """

    def __init__(
        self,
        params: ParamsT | Tensor,
        lr: float | Tensor = ...,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        quirks: Literal["fixed", "0.17"] = "fixed",
    ) -> None: ...

class optim_adam(ROptimizer):
    """Adam.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        betas: decay of the first moment; decay of the second moment (default: (0.9, 0.999)).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: L2 penalty, or the rate of decoupled decay (default: 0.0).
        amsgrad: divide by the largest second moment so far (default: False).

    Sources:
        Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1
        Reddi, Kale & Kumar 2018, Algorithm 2 (amsgrad)
        Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2 (decoupled weight decay)
    """

    def __init__(
        self,
        params: ParamsT | Tensor,
        lr: float | Tensor = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        quirks: Literal["fixed", "0.17"] = "fixed",
    ) -> None: ...

class optim_adamw(ROptimizer):
    """Adam.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        betas: decay of the first moment; decay of the second moment (default: (0.9, 0.999)).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: L2 penalty, or the rate of decoupled decay (default: 0.01).
        amsgrad: divide by the largest second moment so far (default: False).

    Sources:
        Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1
        Reddi, Kale & Kumar 2018, Algorithm 2 (amsgrad)
        Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2 (decoupled weight decay)
    """

    def __init__(
        self,
        params: ParamsT | Tensor,
        lr: float | Tensor = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        *,
        quirks: Literal["fixed", "0.17"] = "fixed",
    ) -> None: ...

class optim_adagrad(ROptimizer):
    """Adagrad.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.01).
        lr_decay: the learning rate is divided by 1 + lr_decay for each step taken (default: 0.0).
        weight_decay: L2 penalty, added to the gradient (default: 0.0).
        initial_accumulator_value: where the sum of squares starts (default: 0.0).
        eps: keeps the denominator from zero (default: 1e-10).

    Sources:
        Duchi, Hazan & Singer 2011, JMLR 12:2121-2159, the diagonal form
        PyTorch Adagrad (lr_decay, weight_decay, initial_accumulator_value)
    """

    def __init__(
        self,
        params: ParamsT | Tensor,
        lr: float | Tensor = 0.01,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        quirks: Literal["fixed", "0.17"] = "fixed",
    ) -> None: ...

class optim_rmsprop(ROptimizer):
    """RMSprop.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.01).
        alpha: decay of the mean square (default: 0.99).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: L2 penalty, added to the gradient (default: 0.0).
        momentum: momentum coefficient (default: 0.0).
        centered: divide by the standard deviation instead of the root mean square (default: False).

    Sources:
        Hinton, Srivastava & Swersky 2012, Neural Networks for Machine Learning, lecture 6
        Graves 2013, arXiv:1308.0850, eqs. 38-41 (centered, momentum)
    """

    def __init__(
        self,
        params: ParamsT | Tensor,
        lr: float | Tensor = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-08,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        quirks: Literal["fixed", "0.17"] = "fixed",
    ) -> None: ...

class optim_adadelta(ROptimizer):
    """Adadelta.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: what the step is multiplied with; the paper has none (default: 1.0).
        rho: decay of both mean squares (default: 0.9).
        eps: added under both roots; the size of the first step (default: 1e-06).
        weight_decay: L2 penalty, added to the gradient (default: 0.0).

    Sources:
        Zeiler 2012, arXiv:1212.5701, Algorithm 1
        PyTorch Adadelta (lr, weight_decay)
    """

    def __init__(
        self,
        params: ParamsT | Tensor,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-06,
        weight_decay: float = 0.0,
        *,
        quirks: Literal["fixed", "0.17"] = "fixed",
    ) -> None: ...

class optim_rprop(ROptimizer):
    """Rprop.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: the first step size; later changes are not felt (default: 0.01).
        etas: what the step shrinks by when the sign changes; what the step grows by while the sign stays (default: (0.5,
            1.2)).
        step_sizes: the smallest step size; the largest step size (default: (1e-06, 50)).

    Sources:
        Riedmiller & Braun 1993, A direct adaptive method for faster backpropagation learning: the RPROP algorithm
        Igel & Huesken 2000, Improving the Rprop learning algorithm (the variants and their names)
    """

    def __init__(
        self,
        params: ParamsT | Tensor,
        lr: float | Tensor = 0.01,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-06, 50),
        *,
        quirks: Literal["fixed", "0.17"] = "fixed",
    ) -> None: ...

class optim_asgd(ROptimizer):
    """Averaged stochastic gradient descent.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate at the first step (default: 0.01).
        lambda_: decay of the parameter, by its own penalty, and of the step size (default: 0.0001).
        alpha: power with which the step size falls (default: 0.75).
        t0: step after which averaging begins (default: 1000000.0).
        weight_decay: L2 penalty, added to the gradient (default: 0.0).

    Sources:
        Polyak & Juditsky 1992, Acceleration of stochastic approximation by averaging
        Xu 2011, arXiv:1107.2490 (the falling step size)
        Bottou 2012, Stochastic Gradient Descent Tricks (averaging from t0 on)
        Lua torch optim.asgd, PyTorch: step size and weight of the average lag by one step
    """

    def __init__(
        self,
        params: ParamsT | Tensor,
        lr: float | Tensor = 0.01,
        lambda_: float = 0.0001,
        alpha: float = 0.75,
        t0: float = 1000000.0,
        weight_decay: float = 0.0,
        *,
        quirks: Literal["fixed", "0.17"] = "fixed",
    ) -> None: ...

class optim_lbfgs(ROptimizer):
    """L-BFGS.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: length of a step, or the first trial of a line search; in the very first iteration at most 1 / |g|_1 of it
            (default: 1.0).
        max_iter: iterations in a step, at most (default: 20).
        max_eval: evaluations in a step after which no new iteration begins and a line search ends; None for 5/4 of
            max_iter, rounded down (default: None).
        tolerance_grad: a step ends where no element of the gradient is larger (default: 1e-07).
        tolerance_change: a step ends where parameters, loss or slope would change by less (default: 1e-09).
        history_size: how many pairs of gradient difference and step are kept (default: 100).
        line_search_fn: the length of a step is lr, or is searched for (default: None).

    Sources:
        Nocedal & Wright 2006, Numerical Optimization, Algorithms 7.4 and 7.5 (two loops, scaling 7.20)
        Nocedal & Wright 2006, Algorithms 3.5 and 3.6 (strong Wolfe line search), equation 3.59 (cubic interpolation)
        Schmidt 2005, minFunc, by way of Lua torch's optim (lbfgs.lua, lswolfe.lua, polyinterp.lua): first length,
            safeguards, constants
        PyTorch LBFGS: stopping rules, their order, and one budget of evaluations for the whole step; from it also:
            bracketing compares with the previous loss from the third trial on (Algorithm 3.5: from the second), and a line
            search that runs out of evaluations while bracketing takes the better of its origin and its last trial. Not from
            it: a loss that is not finite is too high, and the bracket is halved, as in minFunc
    """

    def __init__(
        self,
        params: ParamsT | Tensor,
        lr: float | Tensor = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-07,
        tolerance_change: float = 1e-09,
        history_size: int = 100,
        line_search_fn: Literal["strong_wolfe"] | None = None,
        *,
        quirks: Literal["fixed", "0.17"] = "fixed",
    ) -> None: ...

class optim_ignite_sgd(ROptimizer):
    """Stochastic gradient descent.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate.
        momentum: momentum coefficient (default: 0.0).
        dampening: the share of the gradient that is kept out of the velocity (default: 0.0).
        weight_decay: L2 penalty, added to the gradient (default: 0.0).
        nesterov: Nesterov's accelerated gradient (default: False).

    Where the gradient is not taken at the parameter, give ``step`` a closure, or run forward and backward inside
    ``at_gradient_point()``.

    Sources:
        Robbins & Monro 1951
        Polyak 1964 (momentum)
        Sutskever, Martens, Dahl & Hinton 2013, eqs. 1-4 (momentum and Nesterov's accelerated gradient)
    """

    def __init__(
        self,
        params: ParamsT | Tensor,
        lr: float | Tensor = ...,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        quirks: Literal["fixed", "0.17"] = "fixed",
    ) -> None: ...

class optim_ignite_adam(ROptimizer):
    """Adam.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        betas: decay of the first moment; decay of the second moment (default: (0.9, 0.999)).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: L2 penalty, or the rate of decoupled decay (default: 0.0).
        amsgrad: divide by the largest second moment so far (default: False).

    Sources:
        Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1
        Reddi, Kale & Kumar 2018, Algorithm 2 (amsgrad)
        Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2 (decoupled weight decay)
    """

    def __init__(
        self,
        params: ParamsT | Tensor,
        lr: float | Tensor = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        quirks: Literal["fixed", "0.17"] = "fixed",
    ) -> None: ...

class optim_ignite_adamw(ROptimizer):
    """Adam.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        betas: decay of the first moment; decay of the second moment (default: (0.9, 0.999)).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: L2 penalty, or the rate of decoupled decay (default: 0.01).
        amsgrad: divide by the largest second moment so far (default: False).

    Sources:
        Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1
        Reddi, Kale & Kumar 2018, Algorithm 2 (amsgrad)
        Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2 (decoupled weight decay)
    """

    def __init__(
        self,
        params: ParamsT | Tensor,
        lr: float | Tensor = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        *,
        quirks: Literal["fixed", "0.17"] = "fixed",
    ) -> None: ...

class optim_ignite_adagrad(ROptimizer):
    """Adagrad.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.01).
        lr_decay: the learning rate is divided by 1 + lr_decay for each step taken (default: 0.0).
        weight_decay: L2 penalty, added to the gradient (default: 0.0).
        initial_accumulator_value: where the sum of squares starts (default: 0.0).
        eps: keeps the denominator from zero (default: 1e-10).

    Sources:
        Duchi, Hazan & Singer 2011, JMLR 12:2121-2159, the diagonal form
        PyTorch Adagrad (lr_decay, weight_decay, initial_accumulator_value)
    """

    def __init__(
        self,
        params: ParamsT | Tensor,
        lr: float | Tensor = 0.01,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        quirks: Literal["fixed", "0.17"] = "fixed",
    ) -> None: ...

class optim_ignite_rmsprop(ROptimizer):
    """RMSprop.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.01).
        alpha: decay of the mean square (default: 0.99).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: L2 penalty, added to the gradient (default: 0.0).
        momentum: momentum coefficient (default: 0.0).
        centered: divide by the standard deviation instead of the root mean square (default: False).

    Sources:
        Hinton, Srivastava & Swersky 2012, Neural Networks for Machine Learning, lecture 6
        Graves 2013, arXiv:1308.0850, eqs. 38-41 (centered, momentum)
    """

    def __init__(
        self,
        params: ParamsT | Tensor,
        lr: float | Tensor = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-08,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        quirks: Literal["fixed", "0.17"] = "fixed",
    ) -> None: ...

class lr_lambda(RScheduler):
    """Base rate times a function.

    Args:
        optimizer: any optimizer of torch.
        lr_lambda: the factor of the base rate after t steps.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
        verbose: bool = False,
        *,
        quirks: Literal["fixed", "0.17"] | None = None,
    ) -> None: ...

class lr_multiplicative(RScheduler):
    """Last rate times a function.

    Args:
        optimizer: any optimizer of torch.
        lr_lambda: the factor of the last rate at step t = 1, 2, ….
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]],
        last_epoch: int = -1,
        verbose: bool = False,
        *,
        quirks: Literal["fixed", "0.17"] | None = None,
    ) -> None: ...

class lr_step(RScheduler):
    """Step decay.

    Args:
        optimizer: any optimizer of torch.
        step_size: steps between two decays.
        gamma: the factor.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        step_size: int,
        gamma: float = 0.1,
        last_epoch: int = -1,
        verbose: bool = False,
        *,
        quirks: Literal["fixed", "0.17"] | None = None,
    ) -> None: ...

class lr_cosine_annealing(RScheduler):
    """Cosine annealing.

    Args:
        optimizer: any optimizer of torch.
        T_max: steps from the highest to the lowest rate.
        eta_min: the lowest rate.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,
        eta_min: float = 0.0,
        last_epoch: int = -1,
        verbose: bool = False,
        *,
        quirks: Literal["fixed", "0.17"] | None = None,
    ) -> None: ...

class lr_one_cycle(RScheduler):
    """1cycle policy.

    Args:
        optimizer: any optimizer of torch.
        max_lr: the rate at the top.
        total_steps: length of the cycle; else epochs and steps_per_epoch.
        epochs: number of epochs.
        steps_per_epoch: steps of an epoch.
        pct_start: the share of the cycle in which the rate goes up.
        anneal_strategy: along a cosine or a line.
        cycle_momentum: momentum goes down while the rate goes up.
        base_momentum: the lowest momentum.
        max_momentum: the highest momentum.
        div_factor: max_lr over the first rate.
        final_div_factor: the first rate over the last one.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 10000.0,
        last_epoch: int = -1,
        verbose: bool = False,
        *,
        quirks: Literal["fixed", "0.17"] | None = None,
    ) -> None: ...

class lr_reduce_on_plateau(RScheduler):
    """Reduce on plateau.

    Args:
        optimizer: any optimizer of torch.
        mode: whether the metric should fall or rise.
        factor: the factor of the rate.
        patience: bad steps that are borne.
        threshold: how much better counts as better.
        threshold_mode: whether the threshold is a share of the best metric.
        cooldown: steps after a reduction in which nothing is counted.
        min_lr: the rate never goes below.
        eps: a smaller change of the rate is not made.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: Literal["min", "max"] = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 0.0001,
        threshold_mode: Literal["rel", "abs"] = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-08,
        verbose: bool = False,
        *,
        quirks: Literal["fixed", "0.17"] | None = None,
    ) -> None: ...
