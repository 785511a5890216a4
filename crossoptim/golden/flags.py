"""Flags: what a case tests and which mistake it catches, with public reports of that mistake.

An issue is listed where the mistake was made, mended or asked about; most of the libraries have mended it since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crossoptim.spec.model import lookup

_GITHUB = "https://github.com/"


@dataclass(frozen=True)
class Flag:
    """A kind of mistake: ``title`` says what a case with this flag tests and what it catches, ``issues`` are URLs of public reports."""

    name: str
    title: str
    issues: tuple[str, ...] = ()


def _flag(name: str, title: str, *issues: str) -> Flag:
    return Flag(name, title, tuple(_GITHUB + issue for issue in issues))


_TABLE = (
    # The rule
    _flag(
        "PlainRule",
        "The rule with few options or none: a wrong power, factor or order of statements shows here.",
        "torch/optim/pull/48",
        "deeplearning4j/nd4j/issues/1239",
        "google-deepmind/optax/pull/1725",
    ),
    _flag(
        "MovingAverage",
        "How fast a moving average forgets: a factor 1 - beta that is missing, or applied to the wrong term.",
        "fastai/fastbook/pull/342",
        "deeplearning4j/nd4j/issues/1239",
        "HIPS/autograd/issues/289",
    ),
    _flag(
        "EpsilonPlacement",
        "An eps that is felt: it may stand under the root, outside it, or before bias correction.",
        "FluxML/Flux.jl/pull/448",
        "keras-team/tf-keras/issues/315",
        "CyberZHG/keras-radam/issues/29",
        "pytorch/pytorch/issues/23796",
        "pytorch/pytorch/pull/22628",
        "tensorflow/tensorflow/issues/35102",
    ),
    _flag(
        "EpsilonInMoment",
        "An eps that is added to the stored moment: it piles up from step to step.",
        "juntang-zhuang/Adabelief-Optimizer/issues/18",
        "juntang-zhuang/Adabelief-Optimizer/issues/61",
    ),
    _flag(
        "BiasCorrection",
        "Moments with and without bias correction: it may be missing, or be applied to the stored moment itself.",
        "FluxML/Flux.jl/issues/1962",
        "frgfm/holocron/issues/1",
        "karpathy/convnetjs/pull/107",
    ),
    _flag(
        "StepCount",
        "Each parameter counts its own steps, from one at its first gradient: a count shared among parameters is wrong for late ones.",
        "deepspeedai/DeepSpeed/pull/8471",
        "flashlight/flashlight/issues/143",
        "InfiniTensor/InfiniTrain/issues/235",
        "root-project/root/pull/5042",
    ),
    _flag(
        "ScalarPrecision",
        "Numbers made from the step count, where float32 loses digits: they belong in double precision until they meet a tensor.",
        "ooples/AiDotNet.Tensors/pull/960",
        "pytorch/pytorch/pull/111008",
    ),
    _flag(
        "StateStart",
        "What a state tensor holds before the first step: zeros, a constant, the parameter, or the first gradient.",
        "google-deepmind/optax/issues/49",
        "tensorflow/tensorflow/pull/37819",
    ),
    _flag(
        "PublishedVariant",
        "A form on which papers and libraries differ: the other one gives other numbers.",
        "lessw2020/Ranger-Deep-Learning-Optimizer/pull/2",
        "google-deepmind/optax/issues/1389",
    ),
    # Options
    _flag(
        "WeightDecay",
        "Weight decay that enters the gradient: with the wrong sign, or read and never applied, or decoupled by mistake.",
        "chainer/chainer/issues/261",
        "kozistr/pytorch_optimizer/issues/517",
        "flagos-ai/FlagGems/pull/4989",
    ),
    _flag(
        "IndexInsteadOfValue",
        "Weight decay of values that differ: a loop variable or the wrong list in place of the parameter shows.",
        "mlverse/torch/issues/821",
        "pytorch/pytorch/pull/100973",
        "huggingface/pytorch-image-models/pull/2750",
    ),
    _flag(
        "DecoupledDecay",
        "Weight decay beside the gradient: it multiplies the value from before the step, by the learning rate or not.",
        "e-sensing/torchopt/pull/14",
        "huggingface/transformers/issues/14539",
        "bitsandbytes-foundation/bitsandbytes/issues/2010",
        "google-deepmind/optax/issues/292",
    ),
    _flag(
        "Momentum",
        "A velocity that is kept from step to step: it may be reset at each step, or be an average in place of a sum.",
        "kozistr/pytorch_optimizer/pull/516",
        "HIPS/autograd/issues/289",
        "samsja/muon_fsdp_2/issues/6",
    ),
    _flag(
        "MomentumForm",
        "The learning rate inside or outside the velocity: equal until the rate changes.",
        "pytorch/pytorch/issues/1099",
        "apache/mxnet/issues/15533",
        "paiml/aprender/pull/2190",
    ),
    _flag(
        "Nesterov",
        "Nesterov's momentum: its look ahead may be applied twice, or be written into the velocity.",
        "PaddlePaddle/Paddle/pull/12231",
        "google-research/google-research/issues/1711",
        "oysteijo/simd_neuralnet/issues/17",
    ),
    _flag(
        "Dampening",
        "Whether the first gradient is dampened.",
        "ml-explore/mlx/pull/473",
        "pytorch/pytorch/pull/152833",
    ),
    _flag(
        "Amsgrad",
        "The largest second moment so far: taken before or after bias correction, and really kept.",
        "google-deepmind/optax/issues/1389",
        "pytorch/pytorch/issues/142323",
        "chainer/chainer/pull/7661",
    ),
    _flag(
        "Maximize",
        "Ascent: the gradient changes its sign once, before weight decay is added.",
        "kozistr/pytorch_optimizer/pull/528",
        "pytorch/pytorch/issues/149476",
    ),
    _flag(
        "CenteredVariance",
        "A variance as the difference of two averages: rounding makes it negative, and its root NaN.",
        "apache/mxnet/pull/6235",
        "CanReader/FastNN/issues/12",
    ),
    _flag(
        "MomentumSchedule",
        "NAdam's running product of momenta: it starts at one and takes each factor once.",
        "dotnet/TorchSharp/issues/1154",
        "pytorch/pytorch/pull/92699",
        "FluxML/Flux.jl/issues/789",
    ),
    _flag(
        "Rectification",
        "RAdam's rectification: the step from which it holds, and a root of a negative number before.",
        "lessw2020/Ranger-Deep-Learning-Optimizer/issues/7",
        "taki0112/RAdam-Tensorflow/issues/2",
        "pytorch/pytorch/pull/39393",
    ),
    _flag(
        "SignChange",
        "Rprop where a gradient changes its sign or is zero: the step size, the step and what is remembered.",
        "google-deepmind/optax/pull/1725",
        "libfann/fann/issues/85",
        "pytorch/pytorch/issues/70418",
    ),
    _flag(
        "RateBounds",
        "AdaBound's bounds of the rate: they follow a learning rate that changes, and one that starts at zero.",
        "CyberZHG/keras-adabound/issues/1",
        "Luolc/AdaBound/issues/9",
        "mgrankin/over9000/issues/4",
    ),
    _flag(
        "IterateAverage",
        "An average of iterates with its weights: from when it runs, and steps without weight.",
        "facebookresearch/schedule_free/issues/5",
        "pytorch/pytorch/pull/125440",
    ),
    _flag(
        "UpdateClipping",
        "Bounds on the update, and steps relative to the parameter: large updates shrink, small ones stay.",
        "huggingface/pytorch-image-models/pull/2790",
        "huggingface/transformers/pull/9751",
    ),
    _flag(
        "TrustRatio",
        "The norm of a parameter over that of its update, weight decay included: where one is zero the ratio is 1, not NaN.",
        "marin-community/marin/issues/9054",
        "NUS-HPC-AI-Lab/pytorch-lamb/issues/1",
        "zdaxie/PixPro/issues/13",
    ),
    _flag(
        "MatrixScaling",
        "Muon's step on wide and tall matrices: rows and columns may be exchanged, or two scalings be applied at once.",
        "google-deepmind/optax/pull/1249",
        "kozistr/pytorch_optimizer/issues/371",
    ),
    _flag("RuleOption", "An option that belongs to one rule."),
    _flag(
        "BoundaryValue",
        "An option at an end of its interval: code that asks whether it is zero may skip too much.",
        "ml-explore/mlx/pull/473",
        "flagos-ai/FlagGems/pull/4989",
    ),
    _flag(
        "OptionOrder",
        "Options together: the order in which they apply shows only then.",
        "juntang-zhuang/Adabelief-Optimizer/issues/56",
        "bitsandbytes-foundation/bitsandbytes/issues/2010",
        "ml-explore/mlx/pull/473",
    ),
    _flag("OptionSetMidRun", "An option other than the learning rate is changed during the run: its state may not exist yet."),
    # Learning rate and groups
    _flag(
        "LearningRateZero",
        "Learning rate zero: parameters stand still, and nothing divides by it.",
        "facebookresearch/madgrad/issues/16",
        "kozistr/pytorch_optimizer/pull/526",
        "marin-community/marin/issues/9054",
    ),
    _flag(
        "LearningRateChanged",
        "The learning rate is changed during the run: the one of the start, or a copy, may be used on.",
        "NVIDIA/apex/issues/766",
        "paiml/aprender/pull/2190",
        "huggingface/transformers/pull/9751",
    ),
    _flag(
        "GroupOptions",
        "Groups with options of their own: the options of another group, or the class's defaults, may be used.",
        "pytorch/pytorch/issues/141884",
        "microsoft/onnxruntime/pull/4877",
    ),
    _flag(
        "GroupAdded",
        "A group joins during the run: its state may not be made.",
        "pytorch/pytorch/issues/53712",
        "Oneflow-Inc/oneflow/pull/8698",
    ),
    # Gradients
    _flag(
        "NoGradient",
        "A parameter without gradient is left alone: None is not zero, so neither decay nor momentum moves it.",
        "KellerJordan/Muon/issues/54",
        "pytorch/pytorch/issues/83769",
        "pytorch/pytorch/pull/42754",
        "Tiiiger/QPyTorch/issues/40",
    ),
    _flag(
        "UnusedParameter",
        "A parameter that takes no part in the loss: what zeroing gradients left must not move it.",
        "pytorch/pytorch/pull/42754",
        "ahrefs/ocannl/issues/673",
    ),
    _flag(
        "GradientAccumulation",
        "Gradients add up over steps: a step that writes weight decay or momentum into the gradient shows.",
        "pytorch/pytorch/issues/12218",
        "pytorch/pytorch/pull/18732",
        "ml-explore/mlx/pull/4426",
    ),
    _flag(
        "SparseGradients",
        "Gradients of which most entries are zero or missing: moments there stand still, and an empty one moves nothing.",
        "pytorch/pytorch/issues/82486",
        "pytorch/pytorch/pull/4314",
    ),
    _flag(
        "ZeroGradients",
        "Gradients that are zero from the first step: 0 / 0 where eps is lost.",
        "google-deepmind/optax/issues/1754",
        "google-deepmind/optax/issues/1789",
        "lisa-lab/pylearn2/issues/1496",
    ),
    _flag(
        "RangeEnds",
        "Gradients near the ends of the number format: squares overflow or vanish, and eps decides.",
        "chainer/chainer/pull/3753",
        "NVIDIA/apex/pull/799",
    ),
    _flag(
        "NonFinite",
        "Infinite and NaN gradients: NaN comes where IEEE 754 puts it, stays there, and goes to no other element.",
        "anthonytorlucci/rlevo/issues/184",
        "deepspeedai/DeepSpeed/pull/7736",
    ),
    # Shapes
    _flag(
        "ZeroDimensional",
        "Parameters without dimension.",
        "candle-org/candle/issues/322",
        "PaddlePaddle/Paddle/pull/55825",
    ),
    _flag(
        "EmptyTensor",
        "A tensor without elements: the others must move as if it were not there.",
        "pytorch/pytorch/issues/100701",
        "NVIDIA/TransformerEngine/issues/3207",
        "deepspeedai/DeepSpeed/pull/7736",
    ),
    # Saved and loaded
    _flag(
        "Resume",
        "Saved and loaded during the run: moments, step count and learning rate go on where they were.",
        "OpenNMT/OpenNMT-py/issues/38",
        "NVIDIA-NeMo/Automodel/issues/763",
        "torch-points3d/torch-points3d/pull/630",
    ),
    _flag(
        "StateOfParameter",
        "Saved while parameters differ in state or group: each gets back its own.",
        "pytorch/pytorch/issues/1489",
        "pytorch/pytorch/pull/6031",
        "NVIDIA/makani/pull/127",
    ),
    # Line search
    _flag(
        "LineSearch",
        "A strong Wolfe line search: its trials, its bracket and its decisions.",
        "mlverse/torch/issues/516",
        "hjmshi/PyTorch-LBFGS/issues/9",
    ),
    _flag(
        "LineSearchNaN",
        "A trial where the loss is NaN or infinite: it is too high, and the search goes on.",
        "mlverse/torch/pull/433",
        "scalanlp/breeze/issues/706",
        "pytorch/pytorch/issues/5953",
    ),
    _flag("CurvaturePairs", "L-BFGS's pairs: how many are kept, which goes first, and which are left out."),
    _flag(
        "StoppingRule",
        "When L-BFGS stops: evaluations, iterations, gradient, step and loss, each counted or measured in its own way.",
        "pytorch/pytorch/issues/91581",
        "pytorch/pytorch/issues/1039",
        "pytorch/pytorch/pull/25240",
    ),
    # Schedules
    _flag(
        "ScheduleFormula",
        "The rate at every step: one step too early or too late shows.",
        "pytorch/pytorch/issues/22107",
        "pytorch/pytorch/issues/21965",
    ),
    _flag("OverRun", "A schedule that goes on past its end."),
    _flag(
        "ChangedOutside",
        "Something else sets the rate between two steps of the scheduler.",
        "pytorch/pytorch/issues/156846",
    ),
    _flag(
        "LastEpoch",
        "A scheduler built anew over a loaded optimizer, told by last_epoch where it is.",
        "pytorch/pytorch/issues/60265",
        "pytorch/pytorch/issues/119168",
        "pytorch/pytorch/issues/160626",
    ),
)

FLAGS: Mapping[str, Flag] = {flag.name: flag for flag in _TABLE}


def known_flags(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once; raises :class:`~crossoptim.errors.UnknownNameError` for one that the table does not have."""
    return tuple(lookup("flag", FLAGS, name).name for name in dict.fromkeys(names))


def flags_document(names: Iterable[str] = FLAGS) -> dict[str, Any]:
    """Name → title and issues, as plain data: of the whole table, or of some."""
    return {name: {"title": FLAGS[name].title, "issues": list(FLAGS[name].issues)} for name in names}
