"""The scalars of a training in TensorBoard's own files."""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

from translator.errors import MissingLibraryError, writing
from translator.training import Event, Plan, StepDone, Validated

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


def with_tensorboard(events: Iterator[Event]) -> Generator[Event, None, None]:
    """Pass on the events of `train`, and write their figures to runs/NAME/tensorboard.

    A resumed training declares void what was written after the step that it goes on from, so no
    point is there twice. Raises MissingLibraryError, before training, when TensorBoard is missing.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingLibraryError(
            "training.tensorboard is set, but TensorBoard is not installed", "tensorboard"
        ) from None
    plan = next(events)
    if not isinstance(plan, Plan):
        raise TypeError("the events of a training begin with its Plan")
    yield plan
    folder = plan.run.tensorboard
    with writing(folder), SummaryWriter(folder, purge_step=plan.first_step + 1) as writer:
        for event in events:
            _write(writer, event)
            yield event


def _write(writer: "SummaryWriter", event: Event) -> None:
    match event:
        case StepDone(step, loss, tokens_per_second, learning_rate) if loss is not None:
            scalars = {
                "train/loss": loss,
                "train/learning_rate": learning_rate,
                "train/tokens_per_second": tokens_per_second,
            }
        case Validated(step, scores):
            scalars = {f"valid/{name}": value for name, value in scores.items()}
        case _:
            return
    for name, value in scalars.items():
        writer.add_scalar(name, value, step)
