# Made by `crossoptim generate` from the specification: not to be edited by hand.
# ruff: noqa
from typing import Literal

from torch import Tensor
from torch.optim.optimizer import ParamsT

from crossoptim.optim.base import RuleOptimizer
from crossoptim.spec.model import Binding

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "SparseAdam",
    "Adagrad",
    "RMSprop",
    "Adadelta",
    "Rprop",
    "Adamax",
    "NAdam",
    "RAdam",
    "ASGD",
    "Adafactor",
    "Muon",
    "LBFGS",
    "AdaBelief",
    "AdaBound",
    "Adan",
    "ADOPT",
    "LAMB",
    "LARS",
    "Lion",
    "MADGRAD",
    "QHAdam",
    "ScheduleFreeAdamW",
    "ScheduleFreeSGD",
    "Yogi",
]

def bindings() -> dict[str, Binding]: ...

class SGD(RuleOptimizer):
    """Stochastic gradient descent.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        momentum: momentum coefficient (default: 0.0).
        dampening: the share of the gradient that is kept out of the velocity (default: 0.0).
        weight_decay: L2 penalty, added to the gradient (default: 0.0).
        nesterov: Nesterov's accelerated gradient (default: False).
        maximize: ascend instead of descend (default: False).
        foreach: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        differentiable: whether autograd sees through the step, which then runs in torch's own operations (default: False).
        fused: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        momentum_form: whether the learning rate multiplies the velocity or enters it; they part when the learning rate
            changes; one of gradient_sum, lr_inside (default: gradient_sum).
        nesterov_form: the gradient is taken at the parameter and the step is corrected, or at the point where momentum
            would carry it; one of at_parameter, lookahead (default: at_parameter).
        first_step: whether dampening already applies to the first gradient; one of undampened, dampened (default:
            undampened).

    Where the gradient is not taken at the parameter, give ``step`` a closure, or run forward and backward inside
    ``at_gradient_point()``.

    Sources:
        Robbins & Monro 1951
        Polyak 1964 (momentum)
        Sutskever, Martens, Dahl & Hinton 2013, eqs. 1-4 (momentum and Nesterov's accelerated gradient)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.001,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
        momentum_form: Literal["gradient_sum", "lr_inside"] = "gradient_sum",
        nesterov_form: Literal["at_parameter", "lookahead"] = "at_parameter",
        first_step: Literal["undampened", "dampened"] = "undampened",
    ) -> None: ...

class Adam(RuleOptimizer):
    """Adam.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        betas: decay of the first moment; decay of the second moment (default: (0.9, 0.999)).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: L2 penalty, or the rate of decoupled decay (default: 0.0).
        amsgrad: divide by the largest second moment so far (default: False).
        foreach: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        maximize: ascend instead of descend (default: False).
        capturable: only False: a CUDA graph would repeat the numbers of one step; torch.compile is the way there (default:
            False).
        differentiable: whether autograd sees through the step, which then runs in torch's own operations (default: False).
        fused: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        decoupled_weight_decay: weight decay enters the gradient, or shrinks the parameter directly (default: False).
        eps_placement: eps is added to the root of the second moment, or under it; one of outside, inside (default:
            outside).
        eps_order: eps joins after the bias correction of the second moment, or before it; one of after, before (default:
            after).
        bias_correction: whether the moments are corrected for their start at zero; one of on, off (default: on).

    Sources:
        Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1
        Reddi, Kale & Kumar 2018, Algorithm 2 (amsgrad)
        Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2 (decoupled weight decay)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
        eps_placement: Literal["outside", "inside"] = "outside",
        eps_order: Literal["after", "before"] = "after",
        bias_correction: Literal["on", "off"] = "on",
    ) -> None: ...

class AdamW(RuleOptimizer):
    """AdamW.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        betas: decay of the first moment; decay of the second moment (default: (0.9, 0.999)).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: L2 penalty, or the rate of decoupled decay (default: 0.01).
        amsgrad: divide by the largest second moment so far (default: False).
        maximize: ascend instead of descend (default: False).
        foreach: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        capturable: only False: a CUDA graph would repeat the numbers of one step; torch.compile is the way there (default:
            False).
        differentiable: whether autograd sees through the step, which then runs in torch's own operations (default: False).
        fused: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        eps_placement: eps is added to the root of the second moment, or under it; one of outside, inside (default:
            outside).
        eps_order: eps joins after the bias correction of the second moment, or before it; one of after, before (default:
            after).
        bias_correction: whether the moments are corrected for their start at zero; one of on, off (default: on).

    Sources:
        Kingma & Ba 2015, arXiv:1412.6980, Algorithm 1
        Reddi, Kale & Kumar 2018, Algorithm 2 (amsgrad)
        Loshchilov & Hutter 2019, arXiv:1711.05101, Algorithm 2 (decoupled weight decay)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        eps_placement: Literal["outside", "inside"] = "outside",
        eps_order: Literal["after", "before"] = "after",
        bias_correction: Literal["on", "off"] = "on",
    ) -> None: ...

class SparseAdam(RuleOptimizer):
    """SparseAdam.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        betas: decay of the first moment; decay of the second moment (default: (0.9, 0.999)).
        eps: keeps the denominator from zero (default: 1e-08).
        maximize: ascend instead of descend (default: False).

    Sources:
        Kingma & Ba 2015, arXiv:1412.6980, end of section 2 (Adam with epsilon hat)
        PyTorch SparseAdam, pull request 3137 (what has no entry stands still)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        maximize: bool = False,
    ) -> None: ...

class Adagrad(RuleOptimizer):
    """Adagrad.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.01).
        lr_decay: the learning rate is divided by 1 + lr_decay for each step taken (default: 0.0).
        weight_decay: L2 penalty, added to the gradient (default: 0.0).
        initial_accumulator_value: where the sum of squares starts (default: 0.0).
        eps: keeps the denominator from zero (default: 1e-10).
        foreach: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        maximize: ascend instead of descend (default: False).
        differentiable: whether autograd sees through the step, which then runs in torch's own operations (default: False).
        fused: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        eps_placement: eps is added to the root of the sum of squares, or under it; one of outside, inside (default:
            outside).

    Sources:
        Duchi, Hazan & Singer 2011, JMLR 12:2121-2159, the diagonal form
        PyTorch Adagrad (lr_decay, weight_decay, initial_accumulator_value)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.01,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        eps_placement: Literal["outside", "inside"] = "outside",
    ) -> None: ...

class RMSprop(RuleOptimizer):
    """RMSprop.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.01).
        alpha: decay of the mean square (default: 0.99).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: L2 penalty, added to the gradient (default: 0.0).
        momentum: momentum coefficient (default: 0.0).
        centered: divide by the standard deviation instead of the root mean square (default: False).
        capturable: only False: a CUDA graph would repeat the numbers of one step; torch.compile is the way there (default:
            False).
        foreach: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        maximize: ascend instead of descend (default: False).
        differentiable: whether autograd sees through the step, which then runs in torch's own operations (default: False).
        eps_placement: eps is added to the root of the mean square, or under it; one of outside, inside (default: outside).
        momentum_form: whether the learning rate multiplies the velocity or enters it; they part when the learning rate
            changes; one of gradient_sum, lr_inside (default: gradient_sum).

    Sources:
        Hinton, Srivastava & Swersky 2012, Neural Networks for Machine Learning, lecture 6
        Graves 2013, arXiv:1308.0850, eqs. 38-41 (centered, momentum)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-08,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        *,
        eps_placement: Literal["outside", "inside"] = "outside",
        momentum_form: Literal["gradient_sum", "lr_inside"] = "gradient_sum",
    ) -> None: ...

class Adadelta(RuleOptimizer):
    """Adadelta.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: what the step is multiplied with; the paper has none (default: 1.0).
        rho: decay of both mean squares (default: 0.9).
        eps: added under both roots; the size of the first step (default: 1e-06).
        weight_decay: L2 penalty, added to the gradient (default: 0.0).
        foreach: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        capturable: only False: a CUDA graph would repeat the numbers of one step; torch.compile is the way there (default:
            False).
        maximize: ascend instead of descend (default: False).
        differentiable: whether autograd sees through the step, which then runs in torch's own operations (default: False).

    Sources:
        Zeiler 2012, arXiv:1212.5701, Algorithm 1
        PyTorch Adadelta (lr, weight_decay)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-06,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None: ...

class Rprop(RuleOptimizer):
    """Rprop.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: the first step size; later changes are not felt (default: 0.01).
        etas: what the step shrinks by when the sign changes; what the step grows by while the sign stays (default: (0.5,
            1.2)).
        step_sizes: the smallest step size; the largest step size (default: (1e-06, 50)).
        capturable: only False: a CUDA graph would repeat the numbers of one step; torch.compile is the way there (default:
            False).
        foreach: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        maximize: ascend instead of descend (default: False).
        differentiable: whether autograd sees through the step, which then runs in torch's own operations (default: False).
        sign_change: an element whose gradient changed its sign stands still, makes the smaller step at once, or takes the
            last step back; one of skip, step, backtrack (default: skip).

    Sources:
        Riedmiller & Braun 1993, A direct adaptive method for faster backpropagation learning: the RPROP algorithm
        Igel & Huesken 2000, Improving the Rprop learning algorithm (the variants and their names)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.01,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-06, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        sign_change: Literal["skip", "step", "backtrack"] = "skip",
    ) -> None: ...

class Adamax(RuleOptimizer):
    """Adamax.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.002).
        betas: decay of the first moment; decay of the infinity norm (default: (0.9, 0.999)).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: L2 penalty, added to the gradient (default: 0.0).
        foreach: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        maximize: ascend instead of descend (default: False).
        differentiable: whether autograd sees through the step, which then runs in torch's own operations (default: False).
        capturable: only False: a CUDA graph would repeat the numbers of one step; torch.compile is the way there (default:
            False).
        eps_placement: eps is added to the size of each gradient that enters the norm, or to the norm where it divides; one
            of in_norm, in_denominator (default: in_norm).

    Sources:
        Kingma & Ba 2015, arXiv:1412.6980, Algorithm 2 (which has no eps: eps = 0)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.002,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
        eps_placement: Literal["in_norm", "in_denominator"] = "in_norm",
    ) -> None: ...

class NAdam(RuleOptimizer):
    """NAdam.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.002).
        betas: decay of the first moment, and the momentum that the schedule tends to; decay of the second moment (default:
            (0.9, 0.999)).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: L2 penalty, or the rate of decoupled decay (default: 0.0).
        momentum_decay: how fast the momentum grows from a half of beta1 to beta1 (default: 0.004).
        decoupled_weight_decay: weight decay enters the gradient, or shrinks the parameter directly (default: False).
        foreach: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        maximize: ascend instead of descend (default: False).
        capturable: only False: a CUDA graph would repeat the numbers of one step; torch.compile is the way there (default:
            False).
        differentiable: whether autograd sees through the step, which then runs in torch's own operations (default: False).
        momentum_schedule: the momentum grows from a half of beta1 to beta1, or is beta1; one of growing, constant (default:
            growing).

    Sources:
        Dozat 2016, Incorporating Nesterov Momentum into Adam, ICLR workshop (Nadam)
        Sutskever, Martens, Dahl & Hinton 2013 (a schedule for the momentum)
        Loshchilov & Hutter 2019, arXiv:1711.05101 (decoupled weight decay)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.002,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: float = 0.0,
        momentum_decay: float = 0.004,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        momentum_schedule: Literal["growing", "constant"] = "growing",
    ) -> None: ...

class RAdam(RuleOptimizer):
    """RAdam.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        betas: decay of the first moment; decay of the second moment (default: (0.9, 0.999)).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: L2 penalty, or the rate of decoupled decay (default: 0.0).
        decoupled_weight_decay: weight decay enters the gradient, or shrinks the parameter directly (default: False).
        foreach: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        maximize: ascend instead of descend (default: False).
        capturable: only False: a CUDA graph would repeat the numbers of one step; torch.compile is the way there (default:
            False).
        differentiable: whether autograd sees through the step, which then runs in torch's own operations (default: False).
        rectify_above: the length of the moving average above which the step is adaptive; one of five, four (default: five).

    Sources:
        Liu, Jiang, He, Chen, Liu, Gao & Han 2020, arXiv:1908.03265, Algorithm 2 (which has no eps: eps = 0)
        Loshchilov & Hutter 2019, arXiv:1711.05101 (decoupled weight decay)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-08,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        rectify_above: Literal["five", "four"] = "five",
    ) -> None: ...

class ASGD(RuleOptimizer):
    """Averaged stochastic gradient descent.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate at the first step (default: 0.01).
        lambd: decay of the parameter, by its own penalty, and of the step size (default: 0.0001).
        alpha: power with which the step size falls (default: 0.75).
        t0: step after which averaging begins (default: 1000000.0).
        weight_decay: L2 penalty, added to the gradient (default: 0.0).
        foreach: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        maximize: ascend instead of descend (default: False).
        differentiable: whether autograd sees through the step, which then runs in torch's own operations (default: False).
        capturable: only False: a CUDA graph would repeat the numbers of one step; torch.compile is the way there (default:
            False).

    Sources:
        Polyak & Juditsky 1992, Acceleration of stochastic approximation by averaging
        Xu 2011, arXiv:1107.2490 (the falling step size)
        Bottou 2012, Stochastic Gradient Descent Tricks (averaging from t0 on)
        Lua torch optim.asgd, PyTorch: step size and weight of the average lag by one step
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.01,
        lambd: float = 0.0001,
        alpha: float = 0.75,
        t0: float = 1000000.0,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None: ...

class Adafactor(RuleOptimizer):
    """Adafactor.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: the largest relative step; or the step (default: 0.01).
        beta2_decay: a step takes the share t^beta2_decay into the second moment (default: -0.8).
        eps: keeps the second moment from zero; none for the machine epsilon of the parameter's dtype; what the root mean
            square of a small parameter counts as (default: (None, 0.001)).
        d: root mean square above which an update is clipped (default: 1.0).
        weight_decay: rate of decoupled weight decay (default: 0.0).
        foreach: kept in the parameter groups for torch.optim; it chooses nothing here, where one kernel takes all tensors
            (default: None).
        maximize: ascend instead of descend (default: False).
        eps1_placement: the first epsilon is a floor below the second moment and the row means, or is added to the squared
            gradient; one of floor, added (default: floor).
        step: steps are relative to the parameter's root mean square and shrink with 1 / sqrt(t), or lr is the step; one of
            relative, absolute (default: relative).

    Sources:
        Shazeer & Stern 2018, arXiv:1804.04235, Algorithms 4 (matrices), 5 (vectors) and 6 (hyperparameters)
        PyTorch Adafactor: means for sums, the first epsilon as a floor, lr as the largest relative step, decoupled weight
            decay
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.01,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 0.001),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        eps1_placement: Literal["floor", "added"] = "floor",
        step: Literal["relative", "absolute"] = "relative",
    ) -> None: ...

class Muon(RuleOptimizer):
    """Muon.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        weight_decay: rate of decoupled weight decay (default: 0.1).
        momentum: momentum coefficient (default: 0.95).
        nesterov: orthogonalise what momentum will make of the buffer (default: True).
        ns_coefficients: coefficient of X in an iteration; coefficient of (X X') X in an iteration; coefficient of (X X')^2
            X in an iteration (default: (3.4445, -4.775, 2.0315)).
        eps: the norm of a smaller matrix counts as this (default: 1e-07).
        ns_steps: how many iterations (default: 5).
        adjust_lr_fn: the learning rate is multiplied by sqrt(max(1, rows / columns)), or by 0.2 sqrt(max(rows, columns))
            (default: None).
        momentum_form: the buffer is a moving average of the gradients, or their decaying sum; orthogonalised, both are one
            but for eps; one of average, sum (default: average).

    Sources:
        Jordan et al. 2024, Muon: An optimizer for hidden layers in neural networks, kellerjordan.github.io/posts/muon
        Liu et al. 2025, arXiv:2502.16982, section 2.2 (decoupled weight decay; steps as long as AdamW's)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.001,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-07,
        ns_steps: int = 5,
        adjust_lr_fn: Literal["match_rms_adamw", "original"] | None = None,
        *,
        momentum_form: Literal["average", "sum"] = "average",
    ) -> None: ...

class LBFGS(RuleOptimizer):
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
        params: ParamsT,
        lr: float | Tensor = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-07,
        tolerance_change: float = 1e-09,
        history_size: int = 100,
        line_search_fn: Literal["strong_wolfe"] | None = None,
    ) -> None: ...

class AdaBelief(RuleOptimizer):
    """AdaBelief.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        beta1: decay of the first moment (default: 0.9).
        beta2: decay of the second moment (default: 0.999).
        eps: keeps the denominator from zero, and the second moment too (default: 1e-16).
        weight_decay: rate of decay, or L2 penalty (default: 0.0).
        amsgrad: divide by the largest second moment so far (default: False).
        rectify: hold the adaptive step back while the variance of the second moment is large, as RAdam does (default:
            False).
        maximize: ascend instead of descend (default: False).
        eps_in_moment: eps is added to the second moment at each step and stays there, is added under the root only, or in
            the denominator only; one of kept, passing, absent (default: kept).
        decay: weight decay shrinks the parameter at a rate times the learning rate, or at the rate itself, or enters the
            gradient; one of decoupled, fixed, coupled (default: decoupled).
        until_rectified: the steps before the variance can be rectified follow the first moment, or are left out; one of
            momentum, nothing (default: momentum).

    Sources:
        Zhuang et al. 2020, arXiv:2010.07468, Algorithm 2
        juntang-zhuang/Adabelief-Optimizer, adabelief_pytorch 0.2.0 (weight decay, amsgrad, rectification)
        Liu et al. 2020, arXiv:1908.03265, Algorithm 2 (rectification)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-16,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        rectify: bool = False,
        *,
        maximize: bool = False,
        eps_in_moment: Literal["kept", "passing", "absent"] = "kept",
        decay: Literal["decoupled", "fixed", "coupled"] = "decoupled",
        until_rectified: Literal["momentum", "nothing"] = "momentum",
    ) -> None: ...

class AdaBound(RuleOptimizer):
    """AdaBound.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate of Adam (default: 0.001).
        beta1: decay of the first moment (default: 0.9).
        beta2: decay of the second moment (default: 0.999).
        final_lr: learning rate of SGD, where the bounds meet (default: 0.1).
        gamma: how fast the bounds meet (default: 0.001).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: L2 penalty, or the rate of decay (default: 0.0).
        amsbound: divide by the largest second moment so far (default: False).
        maximize: ascend instead of descend (default: False).
        bias_correction: whether the moments are corrected for their start at zero; one of on, off (default: on).
        step_decay: the clipped learning rates are used as they are, or divided by the root of the step count; one of none,
            root (default: none).
        decay: weight decay enters the gradient, or shrinks the parameter at a rate times the learning rate, or at the rate
            itself; one of coupled, decoupled, fixed (default: coupled).

    Sources:
        Luo, Xiong, Liu & Sun 2019, arXiv:1902.09843, Algorithms 2 (AdaBound) and 3 (AMSBound)
        Luolc/AdaBound, adabound/adabound.py (bias correction, the bounds' speed gamma, final_lr following lr)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        final_lr: float = 0.1,
        gamma: float = 0.001,
        eps: float = 1e-08,
        weight_decay: float = 0.0,
        amsbound: bool = False,
        *,
        maximize: bool = False,
        bias_correction: Literal["on", "off"] = "on",
        step_decay: Literal["none", "root"] = "none",
        decay: Literal["coupled", "decoupled", "fixed"] = "coupled",
    ) -> None: ...

class Adan(RuleOptimizer):
    """Adan.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        beta1: decay of the gradient's average (default: 0.98).
        beta2: decay of the difference's average (default: 0.92).
        beta3: decay of the second moment (default: 0.99).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: rate of decay (default: 0.0).
        maximize: ascend instead of descend (default: False).
        decay: weight decay divides the parameter after the step, or shrinks it before; one of proximal, decoupled (default:
            proximal).
        moments_start: the averages start at zero and are corrected for it, or start as the first gradient, difference and
            square; one of zero, first_gradient (default: zero).

    Sources:
        Xie, Zhou, Li, Lin & Yan 2022, arXiv:2208.06677, Algorithm 1, with 1 - beta for the paper's beta
        sail-sg/Adan, adan.py (without its clipping of the norm of all gradients)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.001,
        beta1: float = 0.98,
        beta2: float = 0.92,
        beta3: float = 0.99,
        eps: float = 1e-08,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        decay: Literal["proximal", "decoupled"] = "proximal",
        moments_start: Literal["zero", "first_gradient"] = "zero",
    ) -> None: ...

class ADOPT(RuleOptimizer):
    """ADOPT.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        beta1: decay of the first moment (default: 0.9).
        beta2: decay of the second moment (default: 0.9999).
        eps: the least denominator (default: 1e-06).
        weight_decay: L2 penalty, or the rate of decoupled decay (default: 0.0).
        maximize: ascend instead of descend (default: False).
        clipping: the normalised gradient is clipped at the fourth root of the number of steps, or taken as it is; one of
            growing, off (default: growing).
        decay: weight decay enters the gradient, or shrinks the parameter at each step, or with the first gradient already;
            one of coupled, decoupled, decoupled_from_start (default: coupled).

    Sources:
        Taniguchi et al. 2024, arXiv:2411.02853, the ADOPT algorithm
        iShohei220/adopt, src/adopt/adopt.py (clipping, since November 2024, and weight decay)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.9999,
        eps: float = 1e-06,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        clipping: Literal["growing", "off"] = "growing",
        decay: Literal["coupled", "decoupled", "decoupled_from_start"] = "coupled",
    ) -> None: ...

class LAMB(RuleOptimizer):
    """LAMB.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        beta1: decay of the first moment (default: 0.9).
        beta2: decay of the second moment (default: 0.999).
        eps: keeps the denominator from zero (default: 1e-06).
        weight_decay: rate of weight decay, inside the trust ratio (default: 0.0).
        norm_max: a larger norm of the parameter counts as this; 0 for no limit (default: 0.0).
        maximize: ascend instead of descend (default: False).
        bias_correction: whether the moments are corrected for their start at zero; one of on, off (default: on).

    Sources:
        You et al. 2020, arXiv:1904.00962v5, Algorithm 2; phi(z) = z or min(z, gamma_u) as in section 3, there with a lower
            bound as well
        You et al. 2019, arXiv:1904.00962v3 (no bias correction)
        pytorch-optimizer Lamb, optax lamb: the trust ratio is 1 where a norm is zero, of which the paper says nothing
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-06,
        weight_decay: float = 0.0,
        norm_max: float = 0.0,
        *,
        maximize: bool = False,
        bias_correction: Literal["on", "off"] = "on",
    ) -> None: ...

class LARS(RuleOptimizer):
    """LARS.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.01).
        momentum: momentum coefficient (default: 0.9).
        weight_decay: L2 penalty, added to the gradient, and its norm to the gradient's (default: 0.0).
        trust_coefficient: how far to trust a tensor to change in a step (default: 0.001).
        maximize: ascend instead of descend (default: False).
        momentum_form: whether the learning rate enters the velocity or multiplies it; they part when the learning rate
            changes; one of lr_inside, gradient_sum (default: lr_inside).

    Sources:
        You, Gitman & Ginsburg 2017, arXiv:1708.03888, Algorithm 1
        pytorch-optimizer LARS: the trust ratio is 1 where a norm is zero, of which the paper says nothing
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 0.001,
        *,
        maximize: bool = False,
        momentum_form: Literal["lr_inside", "gradient_sum"] = "lr_inside",
    ) -> None: ...

class Lion(RuleOptimizer):
    """Lion.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate: how far each element moves (default: 0.0001).
        beta1: weight of the momentum in the direction (default: 0.9).
        beta2: decay of the momentum (default: 0.99).
        weight_decay: rate of decoupled decay (default: 0.0).
        maximize: ascend instead of descend (default: False).

    Sources:
        Chen et al. 2023, arXiv:2302.06675, Algorithm 2; google/automl, lion/lion_pytorch.py
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.0001,
        beta1: float = 0.9,
        beta2: float = 0.99,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None: ...

class MADGRAD(RuleOptimizer):
    """MADGRAD.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.01).
        momentum: how much of the parameter is kept (default: 0.9).
        eps: keeps the denominator from zero (default: 1e-06).
        weight_decay: L2 penalty, or the rate of decoupled decay (default: 0.0).
        maximize: ascend instead of descend (default: False).
        lr_offset: the learning rate is taken as it is, or with eps added; one of none, eps (default: none).
        decay: weight decay enters the gradient, or shrinks the parameter directly; one of coupled, decoupled (default:
            coupled).

    Sources:
        Defazio & Jelassi 2021, arXiv:2101.11075, Algorithm 1
        facebookresearch/madgrad, madgrad/madgrad.py (weight decay; without momentum the start is found anew at each step)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.01,
        momentum: float = 0.9,
        eps: float = 1e-06,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        lr_offset: Literal["none", "eps"] = "none",
        decay: Literal["coupled", "decoupled"] = "coupled",
    ) -> None: ...

class QHAdam(RuleOptimizer):
    """QHAdam.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.001).
        beta1: decay of the first moment (default: 0.9).
        beta2: decay of the second moment (default: 0.999).
        nu1: weight of the first moment; the gradient has the rest (default: 1.0).
        nu2: weight of the second moment; the squared gradient has the rest (default: 1.0).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: L2 penalty, or the rate of decoupled decay (default: 0.0).
        maximize: ascend instead of descend (default: False).
        decay: weight decay enters the gradient, or shrinks the parameter directly; one of coupled, decoupled (default:
            coupled).

    Sources:
        Ma & Yarats 2019, arXiv:1810.06801, the QHAdam update rule; facebookresearch/qhoptim, qhoptim/pyt/qhadam.py
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        nu1: float = 1.0,
        nu2: float = 1.0,
        eps: float = 1e-08,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        decay: Literal["coupled", "decoupled"] = "coupled",
    ) -> None: ...

class ScheduleFreeAdamW(RuleOptimizer):
    """Schedule-Free AdamW.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.0025).
        beta1: how near to the average the gradient is taken (default: 0.9).
        beta2: decay of the second moment (default: 0.999).
        eps: keeps the denominator from zero (default: 1e-08).
        weight_decay: rate of decoupled decay (default: 0.0).
        warmup_steps: over how many steps the learning rate grows to its value (default: 0.0).
        r: power of the step count in the weights of the average (default: 0.0).
        weight_lr_power: power of the learning rate in the weights of the average (default: 2.0).
        maximize: ascend instead of descend (default: False).
        bias_correction: the second moment's correction is in the denominator, or in the learning rate and so in the weights
            of the average; one of denominator, learning_rate (default: denominator).
        weight_rate: the weights of the average are made from the largest learning rate so far, or from the current one; one
            of largest, current (default: largest).
        decay_at: weight decay shrinks by the point where the gradient is taken, or by the base iterate; one of
            gradient_point, base_iterate (default: gradient_point).

    Where the gradient is not taken at the parameter, give ``step`` a closure, or run forward and backward inside
    ``at_gradient_point()``.

    Sources:
        Defazio et al. 2024, arXiv:2405.15682, Algorithm 1
        facebookresearch/schedule_free 1.4.1, adamw_schedulefree_reference.py (weights of the average, where decay is taken)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.0025,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-08,
        weight_decay: float = 0.0,
        warmup_steps: float = 0.0,
        r: float = 0.0,
        weight_lr_power: float = 2.0,
        *,
        maximize: bool = False,
        bias_correction: Literal["denominator", "learning_rate"] = "denominator",
        weight_rate: Literal["largest", "current"] = "largest",
        decay_at: Literal["gradient_point", "base_iterate"] = "gradient_point",
    ) -> None: ...

class ScheduleFreeSGD(RuleOptimizer):
    """Schedule-Free SGD.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 1.0).
        momentum: how near to the average the gradient is taken (default: 0.9).
        weight_decay: L2 penalty, differentiated where the gradient is taken (default: 0.0).
        warmup_steps: over how many steps the learning rate grows to its value (default: 0.0).
        r: power of the step count in the weights of the average (default: 0.0).
        weight_lr_power: power of the learning rate in the weights of the average (default: 2.0).
        maximize: ascend instead of descend (default: False).
        weight_rate: the weights of the average are made from the largest learning rate so far, or from the current one; one
            of largest, current (default: largest).
        average_start: the average begins with the first step's iterate, or counts the start point with a weight of one; one
            of first_step, start_point (default: first_step).

    Where the gradient is not taken at the parameter, give ``step`` a closure, or run forward and backward inside
    ``at_gradient_point()``.

    Sources:
        Defazio et al. 2024, arXiv:2405.15682, section 1 (the iterates y, z and x)
        facebookresearch/schedule_free 1.4.1, sgd_schedulefree_reference.py (warm-up, weights of the average, weight decay)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        warmup_steps: float = 0.0,
        r: float = 0.0,
        weight_lr_power: float = 2.0,
        *,
        maximize: bool = False,
        weight_rate: Literal["largest", "current"] = "largest",
        average_start: Literal["first_step", "start_point"] = "first_step",
    ) -> None: ...

class Yogi(RuleOptimizer):
    """Yogi.

    Args:
        params: parameters, or dicts of parameter groups.
        lr: learning rate (default: 0.01).
        beta1: decay of the first moment (default: 0.9).
        beta2: one less the rate of the second moment (default: 0.999).
        eps: keeps the denominator from zero (default: 0.001).
        initial_accumulator: the second moment before the first step (default: 1e-06).
        weight_decay: rate of decoupled decay, or L2 penalty (default: 0.0).
        maximize: ascend instead of descend (default: False).
        bias_correction: whether the moments are corrected as if they had started at zero; one of off, on (default: off).
        first_moment_start: the first moment starts at zero, or at the initial value of the second; one of zero, accumulator
            (default: zero).
        decay: weight decay shrinks the parameter directly, or enters the gradient; one of decoupled, coupled (default:
            decoupled).

    Sources:
        Zaheer, Reddi, Sachan, Kale & Kumar 2018, Adaptive Methods for Nonconvex Optimization, NeurIPS, Algorithm 2
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.01,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 0.001,
        initial_accumulator: float = 1e-06,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        bias_correction: Literal["off", "on"] = "off",
        first_moment_start: Literal["zero", "accumulator"] = "zero",
        decay: Literal["decoupled", "coupled"] = "decoupled",
    ) -> None: ...
